"""The engine of the backend's store, and the one path on which it is written."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, insert, make_url, select

from ocpp_backend.tables import counters, metadata

_log = logging.getLogger(__name__)
T = TypeVar("T")
Work = Callable[[Connection], T]

_MAX_BATCH = 500
_FIRST_DAY = datetime(2025, 1, 1, tzinfo=UTC)


def open_engine(url: str) -> Engine:
    """An engine whose SQLite connections sync every commit to disk and write under BEGIN IMMEDIATE.

    A connection begins to write when opened with `execution_options(writes=True)`.
    """
    parsed = make_url(url)
    if not parsed.drivername.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True)
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url)
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: Any, _record: object) -> None:
    # The driver would begin transactions by itself, too late and without IMMEDIATE.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def create_tables(engine: Engine, now: datetime) -> None:
    """Create what is missing, and number transactions from the seconds since 2025 on.

    A store that was lost and made anew thereby continues above every number it gave out before, as long
    as there was less than one transaction a second; a charge point or the platform may still hold the
    old ones. The numbers fit the 32 bits that some charge points have for them until 2093.
    """
    with engine.execution_options(writes=True).begin() as db:
        metadata.create_all(db)
        if db.scalar(select(counters.c.value).where(counters.c.name == "transaction_id")) is None:
            first = int((now - _FIRST_DAY).total_seconds())
            db.execute(insert(counters).values(name="transaction_id", value=first))


@dataclass
class _Unit:
    work: Work[Any]
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None
    touched: set[str] = field(default_factory=set)


class Store:
    """Runs units of work one after the other; those that wait together share one commit.

    A unit is a function of a connection. It sees what the units before it did; what it raises undoes
    only itself and reaches its caller. `on_commit` is called in the event loop with the stations in
    whose outbox something is new.
    """

    def __init__(self, url: str):
        self.on_commit: Callable[[Iterable[str]], None] = lambda _stations: None
        self._url = url
        self._units: queue.SimpleQueue[_Unit | None] = queue.SimpleQueue()
        self._engine: Engine
        self._thread: threading.Thread
        self._loop: asyncio.AbstractEventLoop

    async def open(self, now: datetime) -> None:
        """Create what the store lacks, and begin to serve the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._engine = await asyncio.to_thread(open_engine, self._url)
        await asyncio.to_thread(create_tables, self._engine, now)
        self._thread = threading.Thread(target=self._serve, name="store", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Finish what was handed in, then end."""
        self._units.put(None)
        await asyncio.to_thread(self._thread.join)
        self._engine.dispose()

    async def write(self, work: Work[T]) -> T:
        """What `work` returns, once it is committed. Raises what it raises, or why the commit failed."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._units.put(_Unit(work, future))
        return await future

    async def read(self, work: Work[T]) -> T:
        return await asyncio.to_thread(self._read, work)

    def _read(self, work: Work[T]) -> T:
        with self._engine.begin() as db:
            return work(db)

    def _serve(self) -> None:
        while (first := self._units.get()) is not None:
            batch, more = self._gather(first)
            self._commit(batch)
            self._loop.call_soon_threadsafe(self._resolve, batch)
            if not more:
                return

    def _gather(self, first: _Unit) -> tuple[list[_Unit], bool]:
        batch = [first]
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
            with self._engine.connect().execution_options(writes=True) as db, db.begin():
                for unit in batch:
                    _run(unit, db)
        except Exception as error:  # noqa: BLE001 - handed to every caller
            _log.error("a commit of %d units failed: %s", len(batch), error)
            for unit in batch:
                unit.error = unit.error or error

    def _resolve(self, batch: list[_Unit]) -> None:
        for unit in batch:
            if unit.future.done():
                continue
            if unit.error is not None:
                unit.future.set_exception(unit.error)
            else:
                unit.future.set_result(unit.result)
        self.on_commit({station for unit in batch if unit.error is None for station in unit.touched})


def _run(unit: _Unit, db: Connection) -> None:
    touched: set[str] = set()
    db.info["outbox_stations"] = touched
    try:
        with db.begin_nested():
            unit.result = unit.work(db)
    except Exception as error:  # noqa: BLE001 - handed to the caller
        unit.error = error
    else:
        unit.touched = touched
