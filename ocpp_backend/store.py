"""The one path on which the backend's store is written."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from ocpp_backend import frames
from ocpp_backend.changes import Changes, collecting, watch_statements
from ocpp_backend.engine import create_tables, open_engine
from ocpp_backend.failures import BackendError
from ocpp_backend.frames import Frame

_log = logging.getLogger(__name__)
T = TypeVar("T")
Work = Callable[[Connection], T]

_MAX_BATCH = 500
# Where more than one unit is on its way at a time, commits begin at least so far apart: each costs as much as
# many units do, and a wait for the disk.
_APART_SECONDS = 0.01
# So many units wait for a commit only where the machine has no time left.
_CROWD = 64
# As many frames wait for a store that is down; then the oldest are given up.
_MAX_FRAMES = 20_000


@dataclass(slots=True)
class _Unit:
    work: Work[Any]
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class _Spoilt(Exception):
    """A unit failed after it had changed something."""


class Store:
    """Runs units of work one after the other; those that wait together share one commit.

    A unit is a function of a connection. It sees what the units before it did; what it raises undoes
    only itself and reaches its caller. It may be run twice, then as if the first time had not been.
    `on_commit` is called in the event loop with the stations in whose outbox something is new.
    """

    def __init__(self, url: str):
        self.on_commit: Callable[[Iterable[str]], None] = lambda _stations: None
        self._url = url
        self._units: queue.SimpleQueue[_Unit | None] = queue.SimpleQueue()
        self._last_batch = 0
        self._last_begun = 0.0
        self._frames: deque[Frame] = deque(maxlen=_MAX_FRAMES)
        self._changes = Changes()
        self._engine: Engine
        self._thread: threading.Thread
        self._loop: asyncio.AbstractEventLoop

    async def open(self, now: datetime) -> None:
        """Create what the store lacks, and begin to serve the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._engine = await asyncio.to_thread(open_engine, self._url)
        await asyncio.to_thread(create_tables, self._engine, now)
        watch_statements(self._engine)
        self._thread = threading.Thread(target=self._serve, name="store", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Finish what was handed in, then end."""
        self._units.put(None)
        await asyncio.to_thread(self._thread.join)
        self._engine.dispose()

    @property
    def is_crowded(self) -> bool:
        """Whether so much is written that what can wait should."""
        return self._last_batch >= _CROWD

    async def write(self, work: Work[T]) -> T:
        """What `work` returns, once it is committed. Raises what it raises, or why the commit failed."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._units.put(_Unit(work, future))
        return await future

    def record(self, frame: Frame) -> None:
        """Have `frame` logged with the next commit; nobody waits for it."""
        self._frames.append(frame)

    async def read(self, work: Work[T]) -> T:
        return await asyncio.to_thread(self._read, work)

    def _read(self, work: Work[T]) -> T:
        with self._engine.begin() as db:
            return work(db)

    def _serve(self) -> None:
        while (first := self._units.get()) is not None:
            batch, more = self._gather(first)
            self._last_batch = len(batch)
            self._commit(batch)
            self._loop.call_soon_threadsafe(self._resolve, batch, self._changes.take_stations())
            if not more:
                break
        self._commit([])

    def _gather(self, first: _Unit) -> tuple[list[_Unit], bool]:
        """What is to be committed together, and whether more may come."""
        batch = [first]
        if self._last_batch > 1:
            time.sleep(max(0, self._last_begun + _APART_SECONDS - time.monotonic()))
        self._last_begun = time.monotonic()
        while len(batch) < _MAX_BATCH:
            try:
                unit = self._units.get_nowait()
            except queue.Empty:
                break
            if unit is None:
                return batch, False
            batch.append(unit)
        return batch, True

    def _commit(self, batch: list[_Unit]) -> None:
        try:
            try:
                self._transaction(batch, _run_together)
            except _Spoilt:
                self._transaction(batch, _run_apart)
        except Exception as error:  # noqa: BLE001 - handed to every caller
            _log.error("a commit of %d units failed: %s", len(batch), error)
            for unit in batch:
                unit.error = unit.error or error

    def _transaction(
        self, batch: list[_Unit], run: Callable[[list[_Unit], Connection, Changes], None]
    ) -> None:
        try:
            with (
                self._engine.connect().execution_options(writes=True) as db,
                collecting(db, self._changes),
                db.begin(),
            ):
                run(batch, db, self._changes)
                self._changes.write(db)
                self._log_frames(db)
        except BaseException:
            self._changes.forget()
            raise

    def _log_frames(self, db: Connection) -> None:
        """A frame that cannot be logged must not undo the facts beside it."""
        noted = [self._frames.popleft() for _ in range(len(self._frames))]
        try:
            with db.begin_nested():
                frames.insert_all(db, noted)
        except Exception:  # noqa: BLE001 - they are given up
            _log.exception("%d frames could not be logged", len(noted))

    def _resolve(self, batch: Sequence[_Unit], touched: Iterable[str]) -> None:
        for unit in batch:
            if unit.future.done():
                continue
            if unit.error is not None:
                unit.future.set_exception(unit.error)
            else:
                unit.future.set_result(unit.result)
        self.on_commit(touched)


def _run_together(batch: list[_Unit], db: Connection, changes: Changes) -> None:
    """Without a savepoint for each. Raises `_Spoilt` where a unit fails that has changed something."""
    for unit in batch:
        before = changes.made
        try:
            unit.result = unit.work(db)
        except Exception as error:
            if changes.made != before or not isinstance(error, BackendError):
                raise _Spoilt from error
            unit.error = error


def _run_apart(batch: list[_Unit], db: Connection, changes: Changes) -> None:
    """Each within a savepoint, so that one that fails undoes only itself."""
    for unit in batch:
        unit.error = None
        try:
            with db.begin_nested():
                unit.result = unit.work(db)
                changes.write(db)
        except Exception as error:  # noqa: BLE001 - handed to the caller
            changes.forget()
            unit.error = error
