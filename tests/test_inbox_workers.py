"""Several workers drain one inbox: each event is applied once, and those of a station in their order."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import factories
import orjson
import pytest
from sqlalchemy import Engine, func, insert, select
from webhooks import NOON, Body, at, webhook

from db import rollups
from db.engine import reading, writing
from db.models import (
    ChargingSession,
    ConnectorStatusInterval,
    SessionMeterValue,
    WebhookEvent,
)
from settings import ROOT

STATIONS, STEPS = 12, 200
WORKER = """
import sys, time
from db.engine import make_engine
from db.models import utc_now
from ocpp_integration.inbox import apply_batch
engine = make_engine(sys.argv[1])
print("ready", flush=True)
while True:
    if not apply_batch(engine, now=utc_now(), limit=100).taken:
        time.sleep(0.01)
"""


def _name(station: int) -> str:
    return f"STATION_{station}"


@pytest.fixture
def network(engine: Engine) -> Engine:
    """Stations of one owner, so that all of them change the same sums."""
    with writing(engine) as store:
        owner, tariff = factories.add_owner(store), factories.add_tariff(store)
        for station in range(STATIONS):
            factories.add_station(
                store, owner, f"Place {station}", station_id=_name(station), connectors=1, tariff=tariff
            )
    return engine


def _happened(station: int) -> Iterator[Body]:
    """One session after another; the value of each meter value tells its place in the station's order."""
    # One station's progress does not say whose it is: its transactions do.
    named = _name(station) if station else None
    for step in range(STEPS):
        seconds, transaction = station + 10 * step, 1 + station * STEPS + step // 10
        told = {"connector_id": 1}
        if step % 10 == 0:
            yield webhook(
                "session_started",
                seconds,
                station=_name(station),
                transaction=transaction,
                meter_start=0,
                **told,
            )
        elif step % 10 == 9:
            yield webhook(
                "session_stopped",
                seconds,
                station=_name(station),
                transaction=transaction,
                meter_stop=900,
                **told,
            )
        elif step % 10 == 5:
            yield webhook(
                "connector_status",
                seconds,
                station=_name(station),
                status=["Charging", "Faulted"][step % 20 // 10],
                **told,
            )
        else:
            value = {"timestamp": at(seconds).isoformat(), "value": step}
            yield webhook(
                "session_progress",
                seconds,
                station=named,
                transaction=transaction,
                energy_consumed_kwh=step % 10 / 10,
                meter_values=[value],
                **told,
            )


def _record(engine: Engine) -> int:
    """Take in the stations' events, one of each in turn; returns how many."""
    bodies = [body for bodies in zip(*map(_happened, range(STATIONS)), strict=True) for body in bodies]
    rows = [
        {
            "event_key": str(uuid4()),
            "body_digest": "",
            "type": body["type"],
            "body": orjson.dumps(body),
            "received_at": at(STEPS * 20),
            "station_id": body.get("station_id"),
            "transaction_id": body.get("transaction_id"),
        }
        for body in bodies
    ]
    with writing(engine) as store:
        store.execute(insert(WebhookEvent), rows)
    return len(rows)


@contextmanager
def _worker(engine: Engine) -> Iterator[subprocess.Popen[str]]:
    url = engine.url.render_as_string(hide_password=False)
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, url], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


def _count(engine: Engine, state: str) -> int:
    with reading(engine) as store:
        return store.scalar(select(func.count(WebhookEvent.id)).where(WebhookEvent.state == state)) or 0


def _wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _values_in_order(engine: Engine) -> bool:
    """Whether each station's meter values were stored in their order, each once."""
    query = (
        select(ChargingSession.ocpp_station_id, SessionMeterValue.value)
        .join(ChargingSession, SessionMeterValue.session_id == ChargingSession.id)
        .order_by(ChargingSession.ocpp_station_id, SessionMeterValue.id)
    )
    with reading(engine) as store:
        stored = store.execute(query).all()
    expected = [step for step in range(STEPS) if step % 10 not in (0, 5, 9)]
    return [int(value) for _, value in stored] == expected * STATIONS


def _assert_all_applied_once(engine: Engine) -> None:
    day = NOON.date()
    with reading(engine) as store:
        states = set(store.scalars(select(WebhookEvent.state)))
        sessions = store.execute(select(ChargingSession.status, ChargingSession.energy_wh)).all()
        intervals = store.scalar(select(func.count(ConnectorStatusInterval.id)))
        differing = rollups.differing(store, day, day + timedelta(days=1))
    assert (states, differing, intervals) == ({"applied"}, 0, STATIONS * STEPS // 10)
    assert set(sessions) == {("completed", 900)}
    assert len(sessions) == STATIONS * STEPS // 10
    assert _values_in_order(engine)


def test_three_workers_apply_each_event_once_in_the_order_of_its_station(network: Engine) -> None:
    _record(network)
    with _worker(network), _worker(network), _worker(network):
        _wait_until(lambda: not _count(network, "received"))
    _assert_all_applied_once(network)


def test_workers_killed_in_the_middle_of_their_batches_lose_and_double_nothing(network: Engine) -> None:
    recorded = _record(network)
    with _worker(network):
        for _ in range(4):
            _kill_one_at_work(network)
        _wait_until(lambda: not _count(network, "received"))
    assert _count(network, "applied") == recorded
    _assert_all_applied_once(network)


def _kill_one_at_work(engine: Engine) -> None:
    before = _count(engine, "applied")
    with _worker(engine) as doomed:
        _wait_until(lambda: _count(engine, "applied") > before or not _count(engine, "received"))
        doomed.kill()
