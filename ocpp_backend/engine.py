"""The engine of the backend's store, and its tables."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, create_engine, event, insert, make_url, select

from ocpp_backend import frame_months
from ocpp_backend.tables import counters, metadata
from ocpp_backend.upgrade import add_missing

_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "busy_timeout=5000",
    "foreign_keys=ON",
    # The indexes of some thousand charge points do not fit into the default of 2 MB (negative: KiB).
    "cache_size=-65536",
    # Pages that change again and again are copied from the log less often; it grows to 40 MB for that.
    "wal_autocheckpoint=10000",
)
_FIRST_DAY = datetime(2025, 1, 1, tzinfo=UTC)


def open_engine(url: str) -> Engine:
    """An engine whose SQLite connections sync every commit to disk and write under BEGIN IMMEDIATE.

    A connection begins to write when opened with `execution_options(writes=True)`.
    """
    parsed = make_url(url)
    if not parsed.drivername.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, json_serializer=_json)
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        # Hashes of charge points' keys are in it; what SQLite writes beside it gets the same mode.
        Path(parsed.database).touch(mode=0o600)
    engine = create_engine(url, json_serializer=_json)
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _configure_sqlite(connection: Any, _record: object) -> None:
    # The driver would begin transactions by itself, too late and without IMMEDIATE.
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def create_schema(engine: Engine, now: datetime) -> None:
    """Create the tables, columns and indexes that are missing, all or none."""
    with engine.execution_options(writes=True).begin() as db:
        add_missing(db, metadata)
        frame_months.begin(db, now)


def create_tables(engine: Engine, now: datetime) -> None:
    """Create what is missing, and number transactions from the seconds since 2025 on.

    A store that was lost and made anew thereby continues above every number it gave out before, as long
    as there was less than one transaction a second; a charge point or the platform may still hold the
    old ones. The numbers fit the 32 bits that some charge points have for them until 2093.
    """
    create_schema(engine, now)
    with engine.execution_options(writes=True).begin() as db:
        if db.scalar(select(counters.c.value).where(counters.c.name == "transaction_id")) is None:
            first = int((now - _FIRST_DAY).total_seconds())
            db.execute(insert(counters).values(name="transaction_id", value=first))
