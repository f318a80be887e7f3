"""Charging sessions: GET /sessions/ and /sessions/{transaction_id}/."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, joinedload

from db.engine import reading
from db.models import ChargingSession, ChargingStation, OCPPConnector, OCPPStation, SessionMeterValue
from webhook_receiver import paging, parameters, scope, serializers
from webhook_receiver.auth import caller
from webhook_receiver.context import receiver
from webhook_receiver.errors import NotFound

blueprint = Blueprint("sessions", __name__)

STATUSES = ("pending", "started", "charging", "suspended", "stopping", "stopped", "completed", "failed")

_RELATED = (
    joinedload(ChargingSession.user),
    joinedload(ChargingSession.connector).joinedload(OCPPConnector.charging_connector),
    joinedload(ChargingSession.station)
    .joinedload(OCPPStation.charging_station)
    .joinedload(ChargingStation.owner),
)


@blueprint.get("/sessions/")
def list_sessions() -> Response:
    rows = scope.sessions(caller()).options(*_RELATED)
    if status := parameters.choice("status", STATUSES):
        rows = rows.where(ChargingSession.status == status)
    now = receiver().clock()
    return paging.answer(
        receiver().engine,
        rows,
        key=(ChargingSession.start_time, ChargingSession.id),
        serialize=lambda row: serializers.session(row, now),
        newest_first=True,
    )


@blueprint.get(f"/sessions/<int(max={parameters.MAX_TRANSACTION_ID}):transaction_id>/")
def get_session(transaction_id: int) -> Response:
    with reading(receiver().engine) as store:
        found = find(store, ChargingSession.transaction_id == transaction_id)
        values = store.scalars(
            select(SessionMeterValue)
            .where(SessionMeterValue.session_id == found.id)
            .order_by(SessionMeterValue.timestamp, SessionMeterValue.id)
        )
        return jsonify(serializers.session_in_full(found, list(values), receiver().clock()))


def find(store: Session, condition: ColumnElement[bool]) -> ChargingSession:
    """The caller's session for which `condition` holds, with what belongs to it. Raises `NotFound`."""
    found = store.scalar(scope.sessions(caller()).where(condition).options(*_RELATED))
    if found is None:
        raise NotFound("there is no such session")
    return found
