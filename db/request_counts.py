"""How often somebody asked lately, counted across all processes and hosts: what rate limits are made of.

A window begins with its first request and lasts a minute; its count is exact, since each request is one
upsert of one row. The counts need not outlive a crash. On PostgreSQL their table writes no log and waits for
no disk; on SQLite they have a small file of their own beside the store's, so that counting neither waits for
webhooks to reach the disk nor keeps them waiting.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from math import ceil
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Engine, delete, event, select, text
from sqlalchemy.exc import SQLAlchemyError

from db.engine import make_engine
from db.models import RequestCount

WINDOW_SECONDS = 60
# A window that ends later was begun by a clock that was ahead, and has been set back since; those of several
# hosts may differ a little.
_LATEST_END = 2 * WINDOW_SECONDS

_TABLE: Any = RequestCount.__table__

_COUNT = text("""
    INSERT INTO request_counts AS known (key, ends_at, requests) VALUES (:key, :ends_at, :count)
    ON CONFLICT (key) DO UPDATE SET
        requests = CASE WHEN known.ends_at <= :now OR known.ends_at > :latest
            THEN :count ELSE known.requests + :count END,
        ends_at = CASE WHEN known.ends_at <= :now OR known.ends_at > :latest
            THEN excluded.ends_at ELSE known.ends_at END
    RETURNING requests, ends_at
""")


class CountsUnavailable(Exception):
    """The counts cannot be kept now (locked, full, read-only, not reachable)."""


class RequestCounts:
    """Counts requests by any key of at most 255 characters. `clock` tells seconds since 1970."""

    def __init__(self, engine: Engine, *, clock: Callable[[], float] = time.time):
        self._clock = clock
        self._store = engine
        self._is_own = engine.dialect.name == "sqlite" and engine.url.database not in (None, "", ":memory:")
        self._lock = Lock()
        # SQLite lets one write at a time, and whoever meets another there sleeps longer than its turn takes.
        self._turn: AbstractContextManager[Any] = Lock() if self._is_own else nullcontext()
        self._prune_at = 0.0
        # Who is over the limit is not counted on: a flood costs no write each.
        self._refused: dict[str, float] = {}

    def take(self, key: str, limit: int, count: int = 1) -> int | None:
        """Count a request, or `count` of them. None where that is within `limit`, else the seconds until the
        window ends.

        Raises `CountsUnavailable`.
        """
        now = self._clock()
        if now < (until := self._refused.get(key, 0)) <= now + _LATEST_END:
            return ceil(until - now)
        requests, ends_at = self._count(key, now, count)
        if requests <= limit:
            return None
        self._refused[key] = ends_at
        return max(1, ceil(ends_at - now))

    def close(self) -> None:
        if self._is_own:
            self._engine.dispose()

    @cached_property
    def _engine(self) -> Engine:
        if self._is_own:
            return _engine_beside(self._store)
        if self._store.dialect.name == "sqlite":
            return self._store.execution_options(writes=True)
        return self._store.execution_options(isolation_level="AUTOCOMMIT")

    def _count(self, key: str, now: float, count: int) -> tuple[int, float]:
        values = {
            "key": key,
            "now": now,
            "ends_at": now + WINDOW_SECONDS,
            "latest": now + _LATEST_END,
            "count": count,
        }
        try:
            with self._turn, self._engine.connect() as connection, connection.begin():
                self._prune(connection, now)
                counted = connection.execute(_COUNT, values).one()
        except (SQLAlchemyError, OSError) as error:
            raise CountsUnavailable(str(getattr(error, "orig", error))) from error
        return counted.requests, counted.ends_at

    def _prune(self, connection: Connection, now: float) -> None:
        """Once a minute; the first time it makes the table where the file is new."""
        with self._lock:
            if now < self._prune_at <= now + _LATEST_END:
                return
            self._prune_at = now + WINDOW_SECONDS
            self._refused = {key: until for key, until in self._refused.items() if until > now}
        if self._is_own:
            _TABLE.create(connection, checkfirst=True)
        over = select(RequestCount.key).where(RequestCount.ends_at <= now).with_for_update(skip_locked=True)
        connection.execute(delete(RequestCount).where(RequestCount.key.in_(over)))


def _engine_beside(store: Engine) -> Engine:
    file = Path(store.url.database or "")
    beside = store.url.set(database=str(file.with_name(f"{file.stem}-counts{file.suffix}")))
    engine = make_engine(beside.render_as_string(hide_password=False))
    event.listen(engine, "connect", _hurry)
    return engine.execution_options(writes=True)


def _hurry(connection: Any, _record: object) -> None:
    # Whole after a power cut, though the last counts may be gone.
    connection.execute("PRAGMA synchronous=NORMAL")
