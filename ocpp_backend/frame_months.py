"""On PostgreSQL the log of frames is kept in months. All functions run in a unit of work."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

import partitioning
from ocpp_backend.tables import frames
from partitioning import Monthly

FRAMES = Monthly(frames.name, "at")


def begin(db: Connection, now: datetime) -> None:
    """Bring the table into months, where it is plain, with its frames."""
    partitioning.convert(db, FRAMES, now)


def keep(db: Connection, now: datetime, kept: timedelta) -> None:
    """Make the coming months' parts, and drop the months of which no frame is kept any more."""
    partitioning.ensure(db, FRAMES, now)
    partitioning.drop_before(db, FRAMES, now - kept)
    partitioning.clear_default_before(db, FRAMES, now - kept)
