"""What the meter of one session said, value by value."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.analytics.meter_values import times_of
from db.analytics.scope import Scope
from db.models import ChargingSession, SessionMeterValue
from ocpp_integration.exports.table import Table, decimal, text, time

COLUMNS = (
    time("time", lambda row: row.timestamp),
    text("measurand", lambda row: row.measurand),
    decimal("value", lambda row: row.value, places=3),
    text("unit", lambda row: row.unit),
    text("phase", lambda row: row.phase),
    text("location", lambda row: row.location),
    text("context", lambda row: row.context),
)


class NoSuchSession(LookupError):
    """There is none of this number in the scope."""


def table(store: Session, scope: Scope, transaction_id: int) -> Table[SessionMeterValue]:
    """By time, each value in the unit that stands beside it. Raises `NoSuchSession`."""
    session = store.execute(
        select(ChargingSession.id, ChargingSession.start_time, ChargingSession.stop_time).where(
            ChargingSession.transaction_id == transaction_id,
            ChargingSession.ocpp_station_id.in_(scope.stations()),
        )
    ).one_or_none()
    if session is None:
        raise NoSuchSession(f"there is no session {transaction_id}")
    rows: Iterator[SessionMeterValue] = store.scalars(
        select(SessionMeterValue)
        .where(SessionMeterValue.session_id == session.id, *times_of(session.start_time, session.stop_time))
        .order_by(SessionMeterValue.timestamp, SessionMeterValue.id)
        .execution_options(yield_per=1_000)
    )
    return Table(COLUMNS, rows)
