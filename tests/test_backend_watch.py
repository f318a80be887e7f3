"""What the backend does because time passes: also where its store fails meanwhile, and however old it is."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from backend_support import Backend, ChargePoint, Receiver, eventually
from query_plans import planned
from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import SQLAlchemyError
from websockets.exceptions import ConnectionClosed

from ocpp_backend import endings, orders, outbox, running, stations, transaction_rows
from ocpp_backend.engine import create_tables, open_engine
from ocpp_backend.presence import Presence
from ocpp_backend.sender import Sender
from ocpp_backend.store import Store
from ocpp_backend.tables import stations as stations_table
from ocpp_backend.tables import transactions
from ocpp_backend.watch import Watch

pytest_plugins = ["backend_fixtures"]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIMIT = timedelta(seconds=180)
HOUR = timedelta(hours=1)


@contextmanager
def taking_no_webhooks(file: Path) -> Iterator[None]:
    """The store refuses what would be told, as one on a full disk does."""
    with sqlite3.connect(file) as db:
        db.execute("CREATE TRIGGER full BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'full'); END")
    yield
    with sqlite3.connect(file) as db:
        db.execute("DROP TRIGGER full")


def watch(store: Store, presence: Presence) -> Watch:
    return Watch(
        store=store,
        presence=presence,
        clock=lambda: NOON + LIMIT,
        offline_after=LIMIT,
        connection_timeout=HOUR,
        stuck_after=HOUR,
        keep_frames=HOUR,
        most_frames=1000,
    )


def test_a_silence_that_could_not_be_written_down_is_so_with_the_next_look(tmp_path: Path) -> None:
    async def run() -> bool:
        store, presence = Store(f"sqlite:///{tmp_path / 'store.db'}"), Presence()
        await store.open(NOON)
        await store.write(lambda db: stations.sync(db, "ST1", {}, (), NOON))
        await store.write(lambda db: stations.came_online(db, "ST1", NOON))
        presence.heard("ST1", NOON)
        with taking_no_webhooks(tmp_path / "store.db"), pytest.raises(SQLAlchemyError):
            await watch(store, presence).silence()
        await watch(store, presence).silence()
        is_online = await store.read(lambda db: db.scalar(select(stations_table.c.is_online)))
        await store.close()
        return bool(is_online)

    assert asyncio.run(run()) is False


def test_a_return_that_could_not_be_written_down_is_told_with_the_next_message(
    tmp_path: Path, backend: Backend, station: ChargePoint, receiver: Receiver
) -> None:
    def told(*, online: bool) -> int:
        return sum(each["data"]["is_online"] is online for each in receiver.of_type("station_status"))

    backend.clock.advance(181)
    eventually(lambda: told(online=False))
    known = told(online=True)
    with taking_no_webhooks(tmp_path / "backend.db"), pytest.raises(ConnectionClosed):
        station.call("Authorize", {"idTag": "CARD"})
    with backend.charge_point() as again:
        again.call("Authorize", {"idTag": "CARD"})
        assert eventually(lambda: told(online=True) > known)


def test_webhooks_go_on_after_a_failure_that_nobody_foresaw(tmp_path: Path, receiver: Receiver) -> None:
    times: Iterator[datetime | None] = iter([None])

    def clock() -> datetime:
        if next(times, NOON) is None:
            raise LookupError("this clock fails once")
        return NOON

    async def run() -> None:
        store = Store(f"sqlite:///{tmp_path / 'store.db'}")
        await store.open(NOON)
        sender = Sender(store, receiver.url, (), clock)
        store.on_commit = sender.wake
        await store.write(lambda db: outbox.append(db, "station_status", "ST1", {}, at=NOON, now=NOON))
        await asyncio.to_thread(receiver.wait_for, "station_status")
        await sender.stop()
        await store.close()

    asyncio.run(run())


WORK: dict[str, Callable[[Connection], Any]] = {
    "starts that do not come": lambda db: orders.expire_pending(db, NOON, HOUR),
    "transactions in doubt": lambda db: endings.close_doubted(db, NOON, freed_since=HOUR, booted_since=HOUR),
    "transactions that are lost": lambda db: endings.close_lost(db, NOON, HOUR),
    "a boot": lambda db: running.charge_point_booted(db, "ST1", NOON),
    "a connector's transaction": lambda db: transaction_rows.open_on(db, "ST1", 1),
    "a card": lambda db: transaction_rows.asked_for_by_tag(db, "ST1", "CARD"),
}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('backend') / 'store.db'}")
    create_tables(engine, NOON)
    return engine


@pytest.mark.parametrize("name", WORK)
def test_what_is_done_all_the_time_costs_no_more_the_more_transactions_there_were(
    empty: Engine, name: str
) -> None:
    with planned(empty) as plans, empty.connect() as db:
        WORK[name](db)
    steps = [step for step in plans if transactions.name in step]
    assert steps
    assert [step for step in steps if not re.search("ix_transactions_(status|one_open|id_tag)", step)] == []
    # The index by station alone has all that there ever were of one.
    assert [step for step in steps if "id_tag (station_id=?)" in step] == []
