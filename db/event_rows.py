"""The rows of recorded webhooks, written and looked up as fast as the store's driver can."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

import psycopg
from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError

from db.engine import statements
from db.models import WebhookEvent

COLUMNS = (
    "event_key",
    "body_digest",
    "type",
    "body",
    "received_at",
    "station_id",
    "transaction_id",
    "state",
    "error",
)
_columns = WebhookEvent.__table__.c
_values = attrgetter(*COLUMNS)


class EventRows:
    """A connection to the store, each of whose statements commits by itself."""

    def __init__(self, engine: Engine):
        self._connection = statements(engine)
        self._is_sqlite = engine.dialect.name == "sqlite"
        to_wire = _columns.received_at.type.dialect_impl(engine.dialect).bind_processor(engine.dialect)
        self._time = to_wire or (lambda time: time)

    def add(self, events: Sequence[Any]) -> set[str]:
        """Insert objects with the attributes `COLUMNS`; the keys of those that are new."""
        position = COLUMNS.index("received_at")
        values = [value for event in events for value in _values(event)]
        values[position :: len(COLUMNS)] = map(self._time, values[position :: len(COLUMNS)])
        # Without the compiler of SQLAlchemy, which would cost more than the rest of what an event costs.
        return {key for (key,) in self._cursor().execute(_insert(len(events), self._is_sqlite), values)}

    def digests(self, keys: Collection[str]) -> dict[str, str]:
        """The body's digest of each of `keys` that there is."""
        wanted = select(_columns.event_key, _columns.body_digest).where(_columns.event_key.in_(keys))
        return {str(key): str(digest) for key, digest in self._connection.execute(wanted)}

    def close(self) -> None:
        self._connection.close()

    def _cursor(self) -> Any:
        driver: Any = self._connection.connection.dbapi_connection
        return driver.cursor() if self._is_sqlite else psycopg.RawCursor(driver)


def unusable(engine: Engine) -> tuple[type[Exception], ...]:
    """What is raised where the store cannot be used now: by SQLAlchemy, and by the driver itself."""
    return OperationalError, engine.dialect.loaded_dbapi.OperationalError


@lru_cache(maxsize=128)
def _insert(rows: int, is_sqlite: bool) -> str:
    numbers = iter(range(1, rows * len(COLUMNS) + 1))
    marks = (", ".join("?" if is_sqlite else f"${next(numbers)}" for _ in COLUMNS) for _ in range(rows))
    return (
        f"INSERT INTO {WebhookEvent.__tablename__} ({', '.join(COLUMNS)}) "  # noqa: S608 - names of ours
        f"VALUES {', '.join(f'({row})' for row in marks)} "
        "ON CONFLICT (event_key) DO NOTHING RETURNING event_key"
    )
