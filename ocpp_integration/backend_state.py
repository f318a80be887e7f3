"""Since when the OCPP backend is down, kept in the store: every process finds out by itself, all tell it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy import Engine, func, literal
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from db.columns import UTCDateTime
from db.engine import writing
from db.models import BackendState, utc_now
from db.upsert import insert

log = logging.getLogger(__name__)

_ONLY_ROW = 1
_NOTE_EVERY_SECONDS = 60.0


def find(store: Session) -> BackendState | None:
    """What is known of the backend, None before the first call to it."""
    return store.get(BackendState, _ONLY_ROW)


class StoredState:
    """A breaker's watcher that writes down what it is told; an answer at most once a minute.

    What one process learns holds for all: whoever gets an answer ends what another has called down. A store
    that cannot be written to does not keep anybody from the backend.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        now: Callable[[], datetime] = utc_now,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._engine = engine
        self._now = now
        self._clock = clock
        self._noted_at: float | None = None

    def opened(self, reason: str) -> None:
        log.warning("the OCPP backend is down: %s", reason)
        now = self._now()
        self._noted_at = None
        # Of the times that are told in a row the first one counts.
        since = func.coalesce(BackendState.down_since, literal(now, UTCDateTime()))
        self._write({"down_since": now, "last_error": reason}, {"down_since": since, "last_error": reason})

    def answered(self, *, closed: bool) -> None:
        if closed:
            log.info("the OCPP backend answers again")
        elif self._noted_at is not None and self._clock() - self._noted_at < _NOTE_EVERY_SECONDS:
            return
        self._noted_at = self._clock()
        told = {"down_since": None, "last_ok": self._now()}
        self._write(told, told)

    def _write(self, first: Mapping[str, object], then: Mapping[str, object]) -> None:
        try:
            with writing(self._engine) as store:
                statement = insert(store, BackendState).values(id=_ONLY_ROW, **first)
                store.execute(statement.on_conflict_do_update(index_elements=["id"], set_=then))
        except SQLAlchemyError:
            log.exception("the state of the OCPP backend could not be written down")
