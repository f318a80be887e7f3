"""Charging sessions: a page of them, and one with its meter values."""

from __future__ import annotations

from flask import Response, jsonify
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, joinedload

from db.analytics.meter_values import times_of
from db.engine import reading
from db.membership import Unindexed
from db.models import ChargingSession, ChargingStation, OCPPConnector, OCPPStation, SessionMeterValue
from webhook_receiver import paging, scope, serializers
from webhook_receiver.auth import caller
from webhook_receiver.context import receiver
from webhook_receiver.errors import NotFound
from webhook_receiver.parameters import ListSessions, OneSession

_RELATED = (
    joinedload(ChargingSession.user),
    joinedload(ChargingSession.connector).joinedload(OCPPConnector.charging_connector),
    joinedload(ChargingSession.station)
    .joinedload(OCPPStation.charging_station)
    .joinedload(ChargingStation.owner),
)


def list_sessions(*, query: ListSessions) -> Response:
    rows = scope.sessions(caller()).options(*_RELATED)
    if query.status is not None:
        rows = rows.where(_status(query.status) == query.status)
    now = receiver().clock()
    return paging.answer(
        query,
        receiver().engine,
        rows,
        key=(ChargingSession.start_time, ChargingSession.id),
        serialize=lambda row: serializers.session(row, now),
        newest_first=True,
    )


def _status(asked: str) -> ColumnElement[str]:
    """Nearly all are completed: the newest are met at once along the time, and not among all of them."""
    status: ColumnElement[str] = ChargingSession.status.expression
    return Unindexed(status) if asked == "completed" else status


def get_session(*, path: OneSession) -> Response:
    with reading(receiver().engine) as store:
        found = find(store, ChargingSession.transaction_id == path.transaction_id)
        values = store.scalars(
            select(SessionMeterValue)
            .where(SessionMeterValue.session_id == found.id, *times_of(found.start_time, found.stop_time))
            .order_by(SessionMeterValue.timestamp, SessionMeterValue.id)
        )
        return jsonify(serializers.session_in_full(found, list(values), receiver().clock()))


def find(store: Session, condition: ColumnElement[bool]) -> ChargingSession:
    """The caller's session for which `condition` holds, with what belongs to it. Raises `NotFound`."""
    found = store.scalar(scope.sessions(caller()).where(condition).options(*_RELATED))
    if found is None:
        raise NotFound("there is no such session")
    return found
