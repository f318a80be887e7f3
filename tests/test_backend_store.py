"""The one path on which the backend's store is written."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from ocpp_backend import stations
from ocpp_backend.store import Store
from ocpp_backend.tables import counters

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIRST = 36_676_800  # the seconds from 2025-01-01 to NOW


def with_store(path: Path, body: Callable[[Store], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        store = Store(f"sqlite:///{path / 'store.db'}")
        await store.open(NOW)
        try:
            return await body(store)
        finally:
            await store.close()

    return asyncio.run(run())


def count(db: Connection) -> int:
    return int(db.execute(select(counters.c.value)).scalar_one())


def increment(db: Connection) -> int:
    seen = count(db)
    db.execute(update(counters).values(value=seen + 1))
    return seen


def fail(db: Connection) -> None:
    increment(db)
    raise LookupError("this unit fails")


def test_the_store_is_its_owners_only(tmp_path: Path) -> None:
    async def modes(_: Store) -> dict[str, int]:
        return {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}

    assert with_store(tmp_path, modes) == dict.fromkeys(("store.db", "store.db-wal", "store.db-shm"), 0o600)


def test_units_at_once_see_each_other(tmp_path: Path) -> None:
    async def body(store: Store) -> list[int]:
        return await asyncio.gather(*(store.write(increment) for _ in range(200)))

    assert sorted(with_store(tmp_path, body)) == list(range(FIRST, FIRST + 200))


def test_a_unit_that_fails_undoes_only_itself(tmp_path: Path) -> None:
    async def body(store: Store) -> int:
        units = [store.write(fail if n % 2 else increment) for n in range(10)]
        await asyncio.gather(*units, return_exceptions=True)
        return await store.read(count)

    assert with_store(tmp_path, body) == FIRST + 5


def test_a_unit_that_fails_tells_its_caller_why(tmp_path: Path) -> None:
    async def body(store: Store) -> None:
        with pytest.raises(LookupError, match="this unit fails"):
            await store.write(fail)

    with_store(tmp_path, body)


def test_what_is_returned_is_committed(tmp_path: Path) -> None:
    async def body(store: Store) -> int:
        await store.write(increment)
        other = sqlite3.connect(tmp_path / "store.db")
        try:
            return int(other.execute("SELECT value FROM counters").fetchone()[0])
        finally:
            other.close()

    assert with_store(tmp_path, body) == FIRST + 1


def test_waiting_units_share_a_commit(tmp_path: Path) -> None:
    async def body(store: Store) -> int:
        commits: list[object] = []
        store.on_commit = commits.append
        await asyncio.gather(*(store.write(increment) for _ in range(200)))
        return len(commits)

    assert with_store(tmp_path, body) < 100


def test_closing_finishes_what_was_handed_in(tmp_path: Path) -> None:
    async def body(store: Store) -> None:
        tasks = [asyncio.create_task(store.write(increment)) for _ in range(50)]
        await tasks[0]

    with_store(tmp_path, body)

    async def look(store: Store) -> int:
        return await store.read(count)

    assert with_store(tmp_path, look) == FIRST + 50


def test_opening_again_keeps_the_numbers(tmp_path: Path) -> None:
    async def body(store: Store) -> int:
        return await store.write(increment)

    assert [with_store(tmp_path, body) for _ in range(3)] == [FIRST, FIRST + 1, FIRST + 2]


def test_times_and_decimals_come_back_as_they_went_in(tmp_path: Path) -> None:
    async def body(store: Store) -> Any:
        connector = {"connector_id": 1, "price_per_kwh": Decimal("12.3456")}
        await store.write(lambda db: stations.sync(db, "ST1", {}, [connector], NOW))
        return await store.read(
            lambda db: (
                stations.find(db, "ST1").created_at,  # type: ignore[union-attr]
                str(stations.connector(db, "ST1", 1).price_per_kwh),  # type: ignore[union-attr]
            )
        )

    assert with_store(tmp_path, body) == (NOW, "12.3456")
