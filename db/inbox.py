"""The inbox of webhooks: an event is recorded once, and on the disk before anybody is told so.

A commit costs one fsync, however many rows it holds. So a writer, a thread of its own, takes all events
that wait at that moment into one statement, which commits by itself; it never waits for company.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from itertools import islice
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Protocol

from sqlalchemy import Engine

from db.event_rows import EventRows, unusable

logger = logging.getLogger(__name__)

MAX_BATCH = 500
POSTGRESQL_WRITERS = 2
# A little more than the store's own wait for its lock: whoever asks hears within six seconds.
WAIT_SECONDS = 5.5

_TOO_LATE = "the store did not answer in time"


class InboxUnavailable(Exception):
    """The store cannot take the event now (locked, full, read-only, closing). It may be sent again."""


class Outcome(Enum):
    """What became of an event: new, known with the same body, or known with another body."""

    RECORDED = "recorded"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"


@dataclass(frozen=True, kw_only=True)
class RecordedEvent:
    """One webhook for the inbox; `event_key` (at most 255 characters) tells a resend from a new event."""

    event_key: str
    body_digest: str
    type: str
    body: bytes
    received_at: datetime
    station_id: str | None = None
    transaction_id: int | None = None
    state: str = "received"
    error: str | None = None


class _Outcomes(Protocol):
    """What a writer tells of the events of one request; as of a `Future`."""

    def set_running_or_notify_cancel(self) -> bool: ...
    def set_result(self, outcomes: list[Outcome], /) -> None: ...
    def set_exception(self, error: BaseException, /) -> None: ...


class _InLoop:
    """Hands them from the writer's thread to the event loop, in which `future` is waited for."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[list[Outcome]] = self._loop.create_future()

    def set_running_or_notify_cancel(self) -> bool:
        return not self.future.cancelled()

    def set_result(self, outcomes: list[Outcome], /) -> None:
        self._hand_over(outcomes, None)

    def set_exception(self, error: BaseException, /) -> None:
        self._hand_over(None, error)

    def _hand_over(self, outcomes: list[Outcome] | None, error: BaseException | None) -> None:
        # Where the loop has ended, nobody waits any more.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._settle, outcomes, error)

    def _settle(self, outcomes: list[Outcome] | None, error: BaseException | None) -> None:
        if self.future.done():
            return
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(outcomes or [])


@dataclass(frozen=True)
class _Waiting:
    """Events of one request, which are committed together, and what will have become of each."""

    events: Sequence[RecordedEvent]
    outcomes: _Outcomes


class Inbox:
    """Records events, many requests' in one commit. Its writers start with the first event."""

    def __init__(self, engine: Engine, *, wait_seconds: float = WAIT_SECONDS):
        self._engine = engine
        self._wait_seconds = wait_seconds
        self._waiting: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._lock = Lock()
        self._writers: list[_Writer] = []
        self._closed = False

    def record(self, event: RecordedEvent) -> Outcome:
        """What became of `event`, once that is committed. Raises `InboxUnavailable`."""
        return self.record_all([event])[0]

    def record_all(self, events: Sequence[RecordedEvent]) -> list[Outcome]:
        """What became of each of `events`, once one commit has taken them. Raises `InboxUnavailable`."""
        if not events:
            return []
        outcomes: Future[list[Outcome]] = Future()
        self._submit(_Waiting(events, outcomes))
        try:
            return outcomes.result(self._wait_seconds)
        except TimeoutError as error:
            # Should they be committed after all, the resend finds them.
            outcomes.cancel()
            raise InboxUnavailable(_TOO_LATE) from error

    async def recorded(self, events: Sequence[RecordedEvent]) -> list[Outcome]:
        """As `record_all`, for whoever waits in an event loop."""
        outcomes = _InLoop()
        self._submit(_Waiting(events, outcomes))
        try:
            async with asyncio.timeout(self._wait_seconds):
                return await outcomes.future
        except TimeoutError as error:
            raise InboxUnavailable(_TOO_LATE) from error

    def close(self) -> None:
        """Commit what waits and end the writers; later events are refused. May be called twice."""
        with self._lock:
            closed, self._closed = self._closed, True
            if not closed:
                for _ in self._writers:
                    self._waiting.put(None)
        for writer in self._writers:
            writer.join()

    def _submit(self, waiting: _Waiting) -> None:
        with self._lock:
            if self._closed:
                raise InboxUnavailable("the inbox is closed")
            if not self._writers:
                self._writers = [_Writer(self._engine, self._waiting) for _ in range(_writers(self._engine))]
                for writer in self._writers:
                    writer.start()
            self._waiting.put(waiting)


def _writers(engine: Engine) -> int:
    """SQLite has one writer at a time; PostgreSQL flushes its log once for commits that come together."""
    return 1 if engine.dialect.name == "sqlite" else POSTGRESQL_WRITERS


class _Writer(Thread):
    """Commits what waits, until it finds a None. Its connection is kept from one commit to the next."""

    def __init__(self, engine: Engine, waiting: SimpleQueue[_Waiting | None]):
        super().__init__(name="inbox", daemon=True)
        self._engine = engine
        self._waiting = waiting
        self._rows: EventRows | None = None
        self._unusable = unusable(engine)

    def run(self) -> None:
        closing = False
        while not closing:
            batch, closing = self._take()
            self._settle([each for each in batch if each.outcomes.set_running_or_notify_cancel()])
        self._disconnect()

    def _take(self) -> tuple[list[_Waiting], bool]:
        """All that waits, at least one request's; and whether the inbox closes after it."""
        batch: list[_Waiting] = []
        size = 0
        item = self._waiting.get()
        while item is not None:
            batch.append(item)
            size += len(item.events)
            if size >= MAX_BATCH:
                return batch, False
            try:
                item = self._waiting.get_nowait()
            except Empty:
                return batch, False
        return batch, True

    def _settle(self, batch: Sequence[_Waiting]) -> None:
        if not batch:
            return
        try:
            outcomes = iter(self._commit([event for each in batch for event in each.events]))
        except self._unusable as error:
            logger.warning(
                "events of %d requests could not be recorded: %s", len(batch), getattr(error, "orig", error)
            )
            _refuse(batch, error)
        except Exception as error:
            logger.exception("events of %d requests could not be recorded", len(batch))
            self._settle_one_by_one(batch, error)
        else:
            for each in batch:
                each.outcomes.set_result(list(islice(outcomes, len(each.events))))

    def _settle_one_by_one(self, batch: Sequence[_Waiting], error: Exception) -> None:
        """A request that the store does not take must not refuse those that came with it."""
        if len(batch) == 1:
            _refuse(batch, error)
        else:
            for each in batch:
                self._settle([each])

    def _commit(self, events: Sequence[RecordedEvent]) -> list[Outcome]:
        try:
            self._rows = self._rows or EventRows(self._engine)
            outcomes = _insert(self._rows, events)
            conflicts = [
                _kept(event)
                for event, outcome in zip(events, outcomes, strict=True)
                if outcome is Outcome.CONFLICT
            ]
            if conflicts:
                _insert(self._rows, conflicts)
        except Exception:
            # Whatever is wrong with its connection, the next events get a new one.
            self._disconnect()
            raise
        return outcomes

    def _disconnect(self) -> None:
        if self._rows is not None:
            self._rows.close()
            self._rows = None


def _insert(rows: EventRows, events: Sequence[RecordedEvent]) -> list[Outcome]:
    fresh = rows.add(events)
    if len(fresh) == len(events):
        return [Outcome.RECORDED] * len(events)
    digests = rows.digests({event.event_key for event in events})
    outcomes = []
    for event in events:
        outcomes.append(_outcome(event, fresh, digests))
        fresh.discard(event.event_key)
    return outcomes


def _refuse(batch: Sequence[_Waiting], error: Exception) -> None:
    for each in batch:
        refusal = InboxUnavailable("the store cannot take events now")
        refusal.__cause__ = error
        each.outcomes.set_exception(refusal)


def _outcome(event: RecordedEvent, fresh: set[str], digests: dict[str, str]) -> Outcome:
    if event.event_key in fresh:
        return Outcome.RECORDED
    same = digests[event.event_key] == event.body_digest
    return Outcome.DUPLICATE if same else Outcome.CONFLICT


def _kept(event: RecordedEvent) -> RecordedEvent:
    """A conflicting body under a key of its own, for somebody to look at; never applied by itself."""
    both = f"{event.event_key}\n{event.body_digest}"
    return replace(
        event,
        event_key=f"conflict:{hashlib.sha256(both.encode()).hexdigest()}",
        state="dead",
        error=f"another body was recorded before under the event id {event.event_key}",
    )
