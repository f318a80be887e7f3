"""Reads from a replica of the store, for as long as it answers and keeps up; else from the primary."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from db.engine import make_engine, reading

log = logging.getLogger(__name__)

T = TypeVar("T")

LOOK_EVERY = 1.0
LOOK_AGAIN_AFTER = 5.0
# A page waits no longer than this for a host that is gone; what the URL says goes before it.
_IMPATIENCE = {"connect_timeout": "2", "tcp_user_timeout": "5000"}
# What has come is replayed, and more would come: nothing is behind, however long nobody has written. Where
# nothing comes, how old the newest change is says how far behind this may be.
_LAG = text(
    "SELECT CASE WHEN NOT pg_is_in_recovery() THEN 0 "
    "WHEN EXISTS (SELECT FROM pg_stat_wal_receiver) "
    "AND pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0 "
    "ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END"
)


class Replica:
    """A hot standby of PostgreSQL that may lag `max_lag` seconds. Looked up once a second."""

    def __init__(self, url: str, *, max_lag: float, clock: Callable[[], float] = time.monotonic):
        parsed = make_url(url)
        known = {name: value for name, value in _IMPATIENCE.items() if name not in parsed.query}
        self._engine = make_engine(parsed.update_query_dict(known).render_as_string(hide_password=False))
        self._max_lag = max_lag
        self._clock = clock
        self._lock = Lock()
        self._look_at = float("-inf")
        self._trouble: str | None = None

    def read(self, primary: Engine, work: Callable[[Session], T]) -> T:
        """What `work` finds on the replica, or on the primary; it may be run on both, and only reads."""
        if self._serves():
            try:
                return _read(self._engine, work)
            except (OperationalError, InterfaceError) as error:
                # It went away, or cancelled the query because replaying could not wait for it.
                self._note(str(error.orig).strip())
        return _read(primary, work)

    def trouble(self) -> str | None:
        """What is wrong with the replica now, None where nothing is."""
        try:
            lag = _read(self._engine, lambda store: store.scalar(_LAG))
        except (OperationalError, InterfaceError) as error:
            return str(error.orig).strip()
        if lag is None:
            return "it has replayed nothing yet"
        return None if lag <= self._max_lag else f"it is {lag:.0f} s behind"

    def dispose(self) -> None:
        self._engine.dispose()

    def _serves(self) -> bool:
        with self._lock:
            due = self._clock() >= self._look_at
            if due:
                # Others go by what was known while one looks.
                self._look_at = self._clock() + LOOK_AGAIN_AFTER
        if due:
            self._note(self.trouble())
        return self._trouble is None

    def _note(self, trouble: str | None) -> None:
        with self._lock:
            before, self._trouble = self._trouble, trouble
            self._look_at = self._clock() + (LOOK_AGAIN_AFTER if trouble else LOOK_EVERY)
        if trouble and not before:
            log.warning("reads go to the primary, the replica does not serve: %s", trouble)
        elif before and not trouble:
            log.info("reads go to the replica again")


def _read(engine: Engine, work: Callable[[Session], T]) -> T:
    with reading(engine) as store:
        return work(store)
