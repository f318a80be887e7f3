"""Engines and transactions. Reads and writes are told apart: on SQLite a writer takes its lock first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.orm import Session

# A writer says so before its transaction begins; see `_begin`.
_WRITER = {"writes": True}
# Parameters stay out of error messages, and so out of logs: id tags and whole events are among them.
_COMMON: dict[str, Any] = {"pool_size": 10, "max_overflow": 10, "hide_parameters": True}


def make_engine(url: str) -> Engine:
    """An engine for SQLite (WAL, durable commits) or PostgreSQL; both wait for a lock for 5 s.

    Makes the folder of a SQLite file.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        engine = create_engine(url, pool_pre_ping=True, **_COMMON)
        event.listen(engine, "connect", _bound_waiting)
        return engine
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        # Hashes of passwords and tokens are in it; what SQLite writes beside it gets the same mode.
        Path(parsed.database).touch(mode=0o600)
    engine = create_engine(url, **_COMMON)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _bound_waiting(dbapi_connection: Any, _record: object) -> None:
    # As on SQLite: whoever waits for a lock is told so after five seconds.
    dbapi_connection.execute("SET lock_timeout = 5000")
    dbapi_connection.commit()


def _prepare(dbapi_connection: Any, _record: object) -> None:
    # The driver's own BEGIN is deferred: a reader that turns writer fails at once when another wrote.
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "busy_timeout=5000",
        "foreign_keys=ON",
        "temp_store=MEMORY",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
        return
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A session for queries only; what it changed by mistake is rolled back."""
    with Session(engine, expire_on_commit=False) as session:
        yield session


@contextmanager
def reading_a_moment(engine: Engine) -> Iterator[Session]:
    """The same, where all queries see the store as it was at the first one. SQLite has no other way."""
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with reading(engine) as session:
        yield session


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """One transaction that writes: committed at the end, rolled back when anything was raised."""
    with Session(engine.execution_options(**_WRITER), expire_on_commit=False) as session, session.begin():
        yield session


def statements(engine: Engine) -> Connection:
    """A connection of the caller's own, each of whose statements is a transaction by itself.

    Where one statement is all there is to commit, this costs half of `writing`.
    """
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    connection.detach()
    return connection
