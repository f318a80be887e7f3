"""The product's tables that PostgreSQL keeps in months: parts made ahead, old ones dropped."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine

import partitioning
from partitioning import Monthly

METER_VALUES = Monthly("session_meter_values", "timestamp", refers_to=("charging_sessions",))


def ensure(engine: Engine, now: datetime) -> list[str]:
    """Make the parts that are missing, this month's and three ahead; their names. Nothing on SQLite."""
    with engine.begin() as db:
        return partitioning.ensure(db, METER_VALUES, now)


def drop_before(engine: Engine, before: datetime) -> list[str]:
    """Drop the meter values of all months that ended by `before`, at the cost of none of their rows.

    Returns the dropped parts' names. Nothing on SQLite, and of the month that `before` is in.
    """
    with engine.begin() as db:
        return partitioning.drop_before(db, METER_VALUES, before)
