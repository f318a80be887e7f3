"""What the jobs do to stations, sessions and webhooks; one failure does not stop the rest."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import factories
import pytest
import requests
from locator import Locator, cut, refusal, reply, running_locator
from ports import free_port
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, select, update
from webhooks import STATION, at, progress, record, started, stopped, webhook

import settings as configuration
from db.engine import reading, writing
from db.models import ChargingSession, OCPPStation, WebhookEvent
from jobs import metrics, work
from jobs.runs import Cancelled, Outcome, Runner
from jobs.scheduler import make_scheduler
from ocpp_integration.backend import BackendClient
from ocpp_integration.errors import BackendDown
from ocpp_integration.metrics import BackendMetrics

NOW = at(3600)


def _clock() -> datetime:
    return NOW


def test_all_jobs_have_a_name_of_their_own(engine: Engine) -> None:
    with running_locator() as locator:
        settings = locator.settings()
        jobs = work.all_jobs(settings, engine, BackendClient(settings))
    assert [job.name for job in jobs] == [
        "apply",
        "sync",
        "poll",
        "presence",
        "stuck",
        "rollup",
        "retention",
        "pack",
        "audit",
        "partitions",
    ]


@dataclass
class Network:
    engine: Engine
    locator: Locator
    backend: BackendClient

    def sync(self) -> Outcome:
        return work.sync_stations(self.engine, self.backend, lambda: datetime.now(UTC))

    def poll(self) -> Outcome:
        settings = self.locator.settings(session_silent_after=60, poll_parallel=1)
        return work.poll_sessions(self.engine, self.backend, _clock, settings)

    def stations(self) -> list[OCPPStation]:
        with reading(self.engine) as store:
            return list(store.scalars(select(OCPPStation).order_by(OCPPStation.id)))

    def states(self) -> list[str]:
        with reading(self.engine) as store:
            return list(store.scalars(select(WebhookEvent.state).order_by(WebhookEvent.id)))


@pytest.fixture
def network(engine: Engine) -> Iterator[Network]:
    """Three stations that the backend was not told of."""
    with writing(engine) as store:
        owner = factories.add_owner(store)
        for number in range(3):
            factories.add_station(store, owner, f"S{number}", station_id=f"{STATION}{number or ''}")
    with running_locator() as locator:
        locator.answer(reply(200, {"ocpp_websocket": "ws://x"}))
        settings = locator.settings(ocpp_retry_attempts=0)
        yield Network(engine, locator, BackendClient(settings))


def test_recorded_webhooks_are_applied_until_none_is_left(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(work.BATCHES, network.engine.dialect.name, 4)
    record(network.engine, *(progress(n, n / 10) for n in range(10)))
    assert (work.apply_webhooks(network.engine, _clock).processed, set(network.states())) == (
        10,
        {"applied"},
    )


def test_applying_can_be_cancelled_between_batches(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    def cancel(_done: int, _total: int | None) -> None:
        raise Cancelled

    monkeypatch.setitem(work.BATCHES, network.engine.dialect.name, 4)
    record(network.engine, *(progress(n, n / 10) for n in range(10)))
    with pytest.raises(Cancelled):
        work.apply_webhooks(network.engine, _clock, cancel)
    assert sorted(network.states()) == ["applied"] * 4 + ["received"] * 6


def test_making_partitions_can_be_cancelled(engine: Engine) -> None:
    def cancel(_done: int, _total: int | None) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        work.make_partitions(engine, _clock, cancel)


def test_dead_webhooks_are_counted_and_told(network: Network) -> None:
    record(network.engine, webhook("session_stopped", 0), started(0))
    outcome = work.apply_webhooks(network.engine, _clock)
    assert (outcome.processed, outcome.failed, "1 webhook cannot" in (outcome.error or "")) == (2, 1, True)


def test_every_due_station_is_told_once(network: Network) -> None:
    outcomes = network.sync(), network.sync()
    assert (outcomes, len(network.locator.requests)) == ((Outcome(3), Outcome(0)), 3)


def test_a_refused_station_does_not_stop_the_others(network: Network) -> None:
    network.locator.answer(refusal(422, "x", "No such place."), reply())
    outcome = network.sync()
    assert (outcome.processed, outcome.failed, [s.sync_error for s in network.stations()]) == (
        3,
        1,
        ["No such place.", None, None],
    )


def test_a_refused_station_is_tried_again(network: Network) -> None:
    network.locator.answer(refusal(422, "x"), reply())
    network.sync()
    assert network.sync() == Outcome(1)


def test_a_cut_connection_does_not_stop_the_other_stations(network: Network) -> None:
    network.locator.answer(cut(b""), reply())
    assert network.sync().failed == 1


def test_while_the_backend_is_down_each_station_is_not_tried_in_turn(network: Network) -> None:
    settings = network.locator.settings(ocpp_base_url="http://127.0.0.1:1", ocpp_retry_attempts=0)
    outcome = work.sync_stations(network.engine, BackendClient(settings), _clock)
    assert (outcome.processed, outcome.failed, [s.sync_error for s in network.stations()]) == (
        3,
        3,
        [None, None, None],
    )


def test_what_waited_for_a_station_is_released_though_nothing_is_due(network: Network) -> None:
    network.sync()
    record(network.engine, started(0) | {"station_id": "STATION_NEW"})
    work.apply_webhooks(network.engine, _clock)
    with writing(network.engine) as store:
        store.execute(
            update(OCPPStation).where(OCPPStation.station_id == STATION).values(station_id="STATION_NEW")
        )
    network.sync()
    work.apply_webhooks(network.engine, _clock)
    assert network.states() == ["applied"]


def _running(network: Network, *transactions: int) -> None:
    with writing(network.engine) as store:
        station = store.scalars(select(OCPPStation)).first()
        assert station
        for transaction in transactions:
            factories.add_session(
                store,
                station,
                at(0),
                minutes=None,
                status="charging",
                transaction_id=transaction,
                heard_at=at(transaction),
            )


def _session_data(status: str) -> Any:
    return reply(200, {"session_data": {"status": status, "energy_consumed_kwh": 2, "duration_seconds": 9}})


def test_silent_sessions_are_asked_for_and_end(network: Network) -> None:
    _running(network, 1, 2)
    network.locator.answer(_session_data("Stopped"))
    assert (network.poll(), network.poll()) == (Outcome(2), Outcome(0))


@pytest.mark.parametrize(("silent", "told"), [((), ""), ((1, 2), "; 2 silent sessions were not asked for")])
def test_a_poll_of_a_backend_that_is_not_there_says_so_and_what_to_do(
    network: Network, silent: tuple[int, ...], told: str
) -> None:
    _running(network, *silent)
    settings = network.locator.settings(ocpp_base_url="http://127.0.0.1:1", session_silent_after=60)
    backend = BackendClient(settings)
    while not backend.is_down:
        with pytest.raises(BackendDown):
            backend.greet()
    error = work.poll_sessions(network.engine, backend, _clock, settings).error or ""
    assert error.startswith(f"The OCPP backend cannot be reached{told}; start it (`python -m ocpp_backend`)")


def test_a_session_that_cannot_be_read_does_not_stop_the_others(network: Network) -> None:
    _running(network, 1, 2)
    network.locator.answer(reply(200, {"session_data": {"duration_seconds": "x"}}), _session_data("Stopped"))
    outcome = network.poll()
    with reading(network.engine) as store:
        states = list(store.scalars(select(ChargingSession.status).order_by(ChargingSession.id)))
    assert (outcome.failed, states) == (1, ["charging", "completed"])


def test_the_whole_process_applies_what_is_recorded(network: Network) -> None:
    settings = network.locator.settings(apply_interval=0.05)
    jobs = work.all_jobs(settings, network.engine, network.backend)
    with Runner(network.engine) as runner:
        scheduler = make_scheduler(runner, jobs)
        scheduler.start()
        # Received just now: what was settled long ago, another of the jobs prunes at once.
        record(network.engine, started(0), stopped(60), received_at=datetime.now(UTC))
        deadline = time.monotonic() + 10
        while network.states() != ["applied", "applied"] and time.monotonic() < deadline:
            time.sleep(0.02)
        scheduler.shutdown()
    assert network.states() == ["applied", "applied"]


def test_a_station_with_a_price_is_told_with_it(network: Network) -> None:
    with writing(network.engine) as store:
        tariff = factories.add_tariff(store, Decimal(12))
        for station in store.scalars(select(OCPPStation)):
            for connector in station.charging_station.connectors:
                connector.tariff = tariff
    network.sync()
    prices = {c["price_per_kwh"] for r in network.locator.requests for c in r.body["connectors"]}
    assert prices == {"12.0000"}


# Metrics


def test_the_jobs_tell_their_calls_of_the_backend_on_a_port_of_their_own() -> None:
    registry = CollectorRegistry()
    BackendMetrics(registry).observe("sync-station", "ok", 0.2)
    settings = configuration.load(None, jobs_metrics_port=free_port())
    server = metrics.serve(settings, registry)
    address = f"http://127.0.0.1:{settings.jobs_metrics_port}"
    told = requests.get(f"{address}/metrics", timeout=5)
    proxied = requests.get(f"{address}/metrics", headers={"X-Forwarded-For": "203.0.113.9"}, timeout=5)
    other = requests.get(f"{address}/", timeout=5)
    server.shutdown()
    server.server_close()
    assert 'mengedmate_backend_calls_total{call="sync-station",outcome="ok"} 1.0' in told.text
    assert (told.status_code, proxied.status_code, other.status_code) == (200, 404, 404)


def test_the_jobs_tell_it_by_ipv6_where_that_is_listened_on() -> None:
    settings = configuration.load(None, host="::1", jobs_metrics_port=free_port())
    server = metrics.serve(settings, CollectorRegistry())
    told = requests.get(f"http://[::1]:{settings.jobs_metrics_port}/metrics", timeout=5)
    server.shutdown()
    server.server_close()
    assert told.status_code == 200
