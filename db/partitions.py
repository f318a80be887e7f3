"""The product's tables that PostgreSQL keeps in months: parts made ahead, old ones dropped."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine, Select, column, exists, or_, select, table

import partitioning
from db.models import ChargingSession
from partitioning import Monthly

METER_VALUES = Monthly("session_meter_values", "timestamp", refers_to=("charging_sessions",))


def ensure(engine: Engine, now: datetime) -> list[str]:
    """Make the parts that are missing, this month's and three ahead; their names. Nothing on SQLite."""
    with engine.begin() as db:
        return partitioning.ensure(db, METER_VALUES, now)


def drop_before(engine: Engine, before: datetime) -> list[str]:
    """Drop the meter values of all months that ended by `before`, at the cost of none of their rows.

    Returns the dropped parts' names. Nothing on SQLite, of the month that `before` is in, and of months that
    sessions have values in which had not ended by then: their charge points' clocks are behind.
    """
    with engine.begin() as db:

        def is_needed(part: str) -> bool:
            found = select(exists(_of_sessions_since(part, before)))
            return bool(db.scalar(found))

        return partitioning.drop_before(db, METER_VALUES, before, is_needed=is_needed)


def _of_sessions_since(part: str, before: datetime) -> Select[int]:
    value = table(part, column("session_id"))
    is_recent = or_(ChargingSession.stop_time.is_(None), ChargingSession.stop_time >= before)
    return select(ChargingSession.id).join(value, value.c.session_id == ChargingSession.id).where(is_recent)
