"""The hot path of the backend's store: what is collected in memory is what statements would have done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, Row, func, select

from ocpp_backend import outbox, running, stations, transactions
from ocpp_backend import transaction_rows as rows
from ocpp_backend.bulk import insert_rows, update_rows
from ocpp_backend.engine import create_tables, open_engine
from ocpp_backend.failures import CallError
from ocpp_backend.samples import Sample
from ocpp_backend.store import Store
from ocpp_backend.tables import metadata
from ocpp_backend.tables import outbox as outbox_table
from ocpp_backend.tables import transactions as table
from ocpp_backend.together import Together
from ocpp_backend.transactions import Start

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
Work = Callable[[Connection], Any]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty store on each kind of database; nothing of it remains."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'backend.db'}"
        return
    shared: Engine = request.getfixturevalue("postgresql")
    address = shared.url.render_as_string(hide_password=False)
    yield address
    engine = open_engine(address)
    metadata.drop_all(engine)
    engine.dispose()


def with_transaction(url: str, body: Callable[[Store, int], Awaitable[Any]]) -> Any:
    """What `body` gives of a store with one running transaction."""

    async def run() -> Any:
        store = Store(url)
        await store.open(NOW)
        try:
            await store.write(lambda db: stations.sync(db, "ST1", {}, [{"connector_id": 1}], NOW))
            start = Start("ST1", 1, "CARD", 120_000, NOW, NOW, "T1")
            started = await store.write(lambda db: transactions.start(db, start, NOW))
            return await body(store, started.transaction_id)
        finally:
            await store.close()

    return asyncio.run(run())


def measured(number: int, minutes: int, wh: int) -> Work:
    at = NOW + timedelta(minutes=minutes)
    sample = Sample(at, "energy_active_import_register", Decimal(wh), "Wh")
    return lambda db: running.progress(db, "ST1", number, [sample], at)


def stored(number: int) -> Work:
    return lambda db: db.execute(select(table).where(table.c.transaction_id == number)).one()


def count_webhooks(db: Connection) -> int:
    return db.execute(select(func.count()).where(outbox_table.c.type == "session_progress")).scalar_one()


def test_values_that_come_together_are_all_stored(url: str) -> None:
    async def body(store: Store, number: int) -> Any:
        await asyncio.gather(*(store.write(measured(number, n, 120_000 + 100 * n)) for n in range(1, 51)))
        return await store.read(stored(number)), await store.read(count_webhooks)

    row, webhooks = with_transaction(url, body)
    assert (row.energy_wh, row.register_wh, webhooks) == (5000, 125_000, 50)
    assert row.last_time == NOW + timedelta(minutes=50)
    assert row.meter_values[0]["value"] == "125000"


def test_a_statement_sees_what_was_changed_before_it(url: str) -> None:
    async def body(store: Store, number: int) -> Any:
        def unit(db: Connection) -> tuple[Row[Any], int]:
            measured(number, 1, 121_000)(db)
            return stored(number)(db), count_webhooks(db)

        return await store.write(unit)

    row, webhooks = with_transaction(url, body)
    assert (row.energy_wh, webhooks) == (1000, 1)


def test_a_change_through_an_old_row_keeps_what_was_changed_meanwhile(url: str) -> None:
    async def body(store: Store, number: int) -> Any:
        def unit(db: Connection) -> Row[Any]:
            old = rows.get(db, number)
            assert old is not None
            rows.change(db, old, power_w=7000)
            return rows.change(db, old, soc_percent=Decimal("40.5"))

        changed = await store.write(unit)
        return changed, await store.read(stored(number))

    for row in with_transaction(url, body):
        assert (row.power_w, row.soc_percent) == (7000, Decimal("40.5"))


def test_what_a_failing_unit_changed_is_undone_and_what_others_changed_is_not(url: str) -> None:
    async def body(store: Store, number: int) -> Any:
        def failing(db: Connection) -> None:
            measured(number, 2, 130_000)(db)
            raise LookupError

        units = (measured(number, 1, 121_000), failing, measured(number, 3, 122_000))
        await asyncio.gather(*map(store.write, units), return_exceptions=True)
        known = await store.write(lambda db: rows.get(db, number))
        return known, await store.read(stored(number)), await store.read(count_webhooks)

    known, row, webhooks = with_transaction(url, body)
    assert known.energy_wh == row.energy_wh == 2000
    assert webhooks == 2


def test_a_refusal_reaches_its_caller_and_nobody_else(url: str) -> None:
    async def body(store: Store, number: int) -> Any:
        def refusing(_db: Connection) -> None:
            raise CallError("PropertyConstraintViolation", "no time")

        units = (measured(number, 1, 121_000), refusing, measured(number, 2, 122_000))
        return await asyncio.gather(*map(store.write, units), return_exceptions=True)

    results = with_transaction(url, body)
    assert [type(result) for result in results] == [type(None), CallError, type(None)]


def test_an_id_that_a_charge_point_uses_again_no_longer_finds_the_first(url: str) -> None:
    async def body(store: Store, number: int) -> Any:
        def unit(db: Connection) -> Row[Any] | None:
            known = rows.by_ocpp_id(db, "ST1", "T1")
            assert known is not None and known.transaction_id == number
            rows.change(db, known, ocpp_id=None)
            return rows.by_ocpp_id(db, "ST1", "T1")

        return await store.write(unit)

    assert with_transaction(url, body) is None


def test_a_commit_that_fails_leaves_nothing_known_that_is_not_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(store: Store, number: int) -> Any:
        def broken(*_: object) -> None:
            raise OSError("the disk is full")

        with monkeypatch.context() as patch:
            patch.setattr("ocpp_backend.changes.insert_rows", broken)
            with pytest.raises(OSError, match="full"):
                await store.write(measured(number, 1, 121_000))
        await store.write(measured(number, 2, 122_000))
        return await store.read(stored(number)), await store.read(count_webhooks)

    row, webhooks = with_transaction(f"sqlite:///{tmp_path / 'backend.db'}", body)
    assert (row.energy_wh, webhooks) == (2000, 1)


def test_ids_of_webhooks_are_unique_and_grow_with_time(url: str) -> None:
    engine = open_engine(url)
    create_tables(engine, NOW)
    with engine.execution_options(writes=True).begin() as db:
        for n in range(300):
            at = NOW + timedelta(milliseconds=n)
            outbox.append(db, "station_status", "ST1", {}, at=at, now=at)
        (found,) = outbox.next_of_each(db, ["ST1"], 300)
    engine.dispose()
    ids = [event.event_id for event in found]
    assert len(set(ids)) == 300 and ids == sorted(ids)


@pytest.mark.parametrize("count", [0, 1, 5, 700])
def test_many_rows_are_written_as_if_one_by_one(url: str, count: int) -> None:
    engine = open_engine(url)
    create_tables(engine, NOW)
    columns = ("event_id", "station_id", "type", "body", "created_at", "state", "attempts")
    new = [(str(n), "ST1", "a", "{}", NOW + timedelta(seconds=n), "pending", 0) for n in range(count)]
    with engine.execution_options(writes=True).begin() as db:
        insert_rows(db, outbox_table, columns, new)
        ids = [event.id for event in outbox.next_of_each(db, ["ST1"], 1000)[0]]
        settled = [(n, None if n % 2 else NOW, "ok", 3) for n in ids]
        update_rows(db, outbox_table, "id", ("settled_at", "answer", "attempts"), settled)
        found = db.execute(select(outbox_table).order_by(outbox_table.c.id)).all()
    engine.dispose()
    assert [row.created_at for row in found] == [NOW + timedelta(seconds=n) for n in range(count)]
    assert [row.settled_at for row in found] == [None if row.id % 2 else NOW for row in found]
    assert {(row.answer, row.attempts) for row in found} <= {("ok", 3)}


def test_calls_that_wait_are_made_as_one_and_get_their_own_answers() -> None:
    sizes: list[int] = []

    async def work(items: Sequence[int]) -> list[int]:
        sizes.append(len(items))
        await asyncio.sleep(0)
        return [2 * item for item in items]

    async def run() -> list[int]:
        together = Together(work)
        return await asyncio.gather(*(together(n) for n in range(100)))

    assert asyncio.run(run()) == [2 * n for n in range(100)]
    assert len(sizes) < 5


def test_a_call_that_fails_fails_for_all_who_waited_and_for_none_after() -> None:
    failures = iter([True])

    async def work(items: Sequence[int]) -> Sequence[int]:
        if next(failures, False):
            raise LookupError
        return items

    async def run() -> list[Any]:
        together = Together(work)
        first = await asyncio.gather(together(1), together(2), return_exceptions=True)
        return [*first, await together(3)]

    first, second, third = asyncio.run(run())
    assert isinstance(first, LookupError) and isinstance(second, LookupError) and third == 3
