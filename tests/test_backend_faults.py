"""Calls through a network that spoils the answers: what is asked how often, and what is made of it."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import factories
import fault_proxy
import pytest
from fault_proxy import Fault, Proxy, running_proxy
from locator import Answer, Locator, html, refusal, reply, running_locator
from sqlalchemy import Engine, select
from webhooks import NOON, STATION, at, started, tell

from db.engine import reading, writing
from db.models import BackendState, ChargingSession, Command, JobRun
from jobs import work
from jobs.runs import Job, Outcome, Runner
from ocpp_integration import backend_state
from ocpp_integration.backend import BackendClient
from ocpp_integration.backend_state import StoredState
from ocpp_integration.breaker import FAILURES, OPEN_SECONDS
from ocpp_integration.errors import BackendDown, BackendError, BackendRefused, BackendSilent
from ocpp_integration.services import OCPPIntegrationService
from ocpp_integration.transport import MAX_ANSWER_BYTES
from schedule import Schedule
from settings import Settings

TRIES = 4
WELL = reply(200, {"session_data": {"status": "Charging", "energy_consumed_kwh": 2, "duration_seconds": 60}})
BOMB = gzip.compress(b" " * (32 * 1024 * 1024))


@dataclass(frozen=True)
class Trouble:
    """What the backend answers, and what the network makes of it. `state` is what a start becomes."""

    answer: Answer = WELL
    fault: Fault = fault_proxy.nothing_wrong
    error: type[BackendError] = BackendSilent
    state: str = "unknown"
    seconds: float = 5


OUTAGES: dict[str, Trouble] = {
    "500": Trouble(html(500), error=BackendRefused),
    "502 in HTML": Trouble(html(502), error=BackendRefused),
    "HTML": Trouble(html(200)),
    "half an answer": Trouble(fault=fault_proxy.cut_in_body),
    "cut in the headers": Trouble(fault=fault_proxy.cut_in_headers),
    "reset": Trouble(fault=fault_proxy.reset),
    "a byte now and then": Trouble(fault=fault_proxy.drip(0.05), seconds=0.3),
    "nothing": Trouble(fault=fault_proxy.blackhole, seconds=0.3),
    "6 MiB": Trouble(reply(200, b" " * (MAX_ANSWER_BYTES + 2**20))),
    "a gzip bomb": Trouble(reply(200, BOMB, Content_Encoding="gzip")),
}
FINAL: dict[str, Trouble] = {
    "a redirect": Trouble(reply(302, b"", Location="/elsewhere"), error=BackendRefused, state="failed"),
}


@dataclass
class Network:
    """A client whose tries are counted and whose pauses pass in no time, and the service over it."""

    engine: Engine
    locator: Locator
    proxy: Proxy
    pauses: list[float] = field(default_factory=list)
    now: float = 0

    def __post_init__(self) -> None:
        self.settings: Settings = self.locator.settings(
            ocpp_base_url=self.proxy.url,
            ocpp_retry_attempts=TRIES - 1,
            session_silent_after=60,
            poll_parallel=4,
        )
        self.backend = self._client(5)

    def _client(self, seconds: float) -> BackendClient:
        return BackendClient(
            self.settings.model_copy(update={"ocpp_timeout": seconds}),
            watcher=StoredState(self.engine, now=lambda: NOON, clock=lambda: self.now),
            sleep=self.pauses.append,
            jitter=lambda _least, longest: longest,
            clock=lambda: self.now,
            now=lambda: NOON,
        )

    def suffer(self, trouble: Trouble) -> None:
        self.locator.answer(trouble.answer)
        self.proxy.fault = trouble.fault
        self.backend = self._client(trouble.seconds)

    def recover(self) -> None:
        self.locator.answer(WELL)
        self.proxy.fault = fault_proxy.nothing_wrong
        self.locator.requests.clear()

    def poll(self) -> Outcome:
        return work.poll_sessions(self.engine, self.backend, lambda: at(7200), self.settings)

    @property
    def hits(self) -> int:
        return len(self.locator.requests)

    def state(self) -> BackendState | None:
        with reading(self.engine) as store:
            return backend_state.find(store)


@pytest.fixture
def network(engine: Engine) -> Iterator[Network]:
    with running_locator() as locator, running_proxy(locator.url) as proxy:
        yield Network(engine, locator, proxy)


@pytest.fixture(params=[*OUTAGES, *FINAL])
def trouble(request: pytest.FixtureRequest) -> Trouble:
    return {**OUTAGES, **FINAL}[request.param]


@pytest.fixture(params=OUTAGES)
def outage(request: pytest.FixtureRequest) -> Trouble:
    return OUTAGES[request.param]


def test_a_read_is_tried_four_times_and_at_the_fifth_failure_no_more(
    network: Network, outage: Trouble
) -> None:
    network.suffer(outage)
    with pytest.raises(outage.error):
        network.backend.session(1)
    assert (network.hits, network.pauses) == (TRIES, [0.5, 1.0, 2.0])
    with pytest.raises(outage.error):
        network.backend.session(1)
    with pytest.raises(BackendDown):
        network.backend.session(1)
    assert network.hits == FAILURES


def test_that_the_backend_is_down_is_written_down_and_taken_back(network: Network, outage: Trouble) -> None:
    network.suffer(outage)
    for _ in range(2):
        with pytest.raises(outage.error):
            network.backend.session(1)
    down = network.state()
    network.recover()
    network.now += 1.2 * OPEN_SECONDS
    network.backend.session(1)
    well = network.state()
    assert down is not None and well is not None
    assert (down.down_since, bool(down.last_error), well.down_since, well.last_ok) == (NOON, True, None, NOON)


def test_a_redirect_is_neither_followed_nor_tried_again(network: Network) -> None:
    network.suffer(FINAL["a redirect"])
    with pytest.raises(BackendRefused):
        network.backend.session(1)
    assert network.locator.paths() == ["/api/locator/session/1/"]


def test_an_answer_that_is_late_is_an_answer(network: Network) -> None:
    network.suffer(Trouble(fault=fault_proxy.latency(0.05)))
    assert network.backend.session(1)["session_data"]["status"] == "Charging"


def test_after_a_spoilt_answer_the_next_is_not_mistaken(network: Network) -> None:
    network.suffer(Trouble(reply(200, b" " * (MAX_ANSWER_BYTES + 2**20))))
    with pytest.raises(BackendSilent):
        network.backend.initiate_charging({})
    network.recover()
    assert network.backend.session(1)["session_data"]["status"] == "Charging"


def test_answers_that_are_well_come_over_one_kept_connection(network: Network) -> None:
    network.recover()
    for number in range(5):
        network.backend.session(number)
    assert (network.hits, network.proxy.connections) == (5, 1)


# 429 and its pauses


def test_a_pause_that_is_asked_for_is_made(network: Network) -> None:
    network.locator.answer(reply(429, b"", Retry_After="7"), WELL)
    network.backend.session(1)
    assert (network.pauses, network.hits) == ([7], 2)


@pytest.mark.parametrize(("ahead", "pause"), [(20, 20), (3600, 60)])
def test_a_pause_may_be_asked_for_by_a_date(network: Network, ahead: int, pause: float) -> None:
    until = NOON + timedelta(seconds=ahead)
    network.locator.answer(reply(429, b"", Retry_After=f"{until:%a, %d %b %Y %H:%M:%S} GMT"), WELL)
    network.backend.session(1)
    assert network.pauses == [pause]


def test_all_pauses_of_a_call_together_are_bounded(network: Network) -> None:
    network.locator.answer(reply(429, b"", Retry_After="40"))
    with pytest.raises(BackendRefused):
        network.backend.session(1)
    assert (network.pauses, network.hits) == ([40, 40], 3)


def test_who_has_less_patience_does_not_wait(network: Network) -> None:
    network.locator.answer(reply(429, b"", Retry_After="25"))
    with pytest.raises(BackendRefused):
        network.backend.session(1, patience=20)
    assert (network.pauses, network.hits) == ([], 1)


# Commands


def _start(network: Network) -> dict[str, Any]:
    with writing(network.engine) as store:
        factories.add_station(store, factories.add_owner(store), station_id=STATION)
        user = factories.add_user(store)
    service = OCPPIntegrationService(
        settings=network.settings, engine=network.engine, backend=network.backend
    )
    return service.initiate_charging(
        station_id=STATION, connector_id=1, user=user, payment_transaction_id="PAY"
    )


def test_a_start_is_sent_once_whatever_comes_back(network: Network, trouble: Trouble) -> None:
    network.suffer(trouble)
    result = _start(network)
    with reading(network.engine) as store:
        command = store.scalars(select(Command)).one()
    assert (network.hits, network.pauses, command.state, result["success"]) == (1, [], trouble.state, False)


def test_while_the_backend_counts_as_down_a_start_is_refused_and_not_sent(network: Network) -> None:
    network.suffer(OUTAGES["500"])
    for _ in range(2):
        with pytest.raises(BackendRefused):
            network.backend.session(1)
    network.recover()
    result = _start(network)
    with reading(network.engine) as store:
        command = store.scalars(select(Command)).one()
    assert (network.hits, command.state, result["code"]) == (0, "failed", "backend_down")
    assert 24 <= result["retry_after"] <= 36


# Polling


def _running(network: Network, count: int) -> None:
    with writing(network.engine) as store:
        factories.add_station(store, factories.add_owner(store), station_id=STATION)
    tell(network.engine, *(started(number, transaction=number) for number in range(1, count + 1)))


def _energies(network: Network) -> list[int | None]:
    with reading(network.engine) as store:
        return list(store.scalars(select(ChargingSession.energy_wh).order_by(ChargingSession.transaction_id)))


def test_many_sessions_are_asked_for_once_each(network: Network) -> None:
    _running(network, 20)
    network.recover()
    assert (network.poll(), network.hits, _energies(network)) == (Outcome(20), 20, [2000] * 20)


def test_no_more_connections_are_made_than_are_used_at_once(network: Network) -> None:
    _running(network, 20)
    network.recover()
    network.poll()
    assert network.proxy.connections <= 4


def test_a_backend_that_goes_down_ends_the_run_which_says_so(network: Network, outage: Trouble) -> None:
    _running(network, 20)
    network.suffer(outage)
    outcome = network.poll()
    # Of those that were asked for at once the others may have been under way.
    assert FAILURES <= network.hits <= FAILURES + 3
    assert "the OCPP backend is down" in str(outcome.error)


def test_while_the_backend_is_down_a_run_asks_for_nothing_and_says_so(network: Network) -> None:
    _running(network, 20)
    network.suffer(OUTAGES["500"])
    network.poll()
    network.recover()
    Runner(network.engine).run_by_hand(Job("poll", lambda _: network.poll(), Schedule(seconds=30)))
    with reading(network.engine) as store:
        run = store.scalars(select(JobRun)).one()
    assert (network.hits, run.state, run.failed) == (0, "failed", 20)
    assert "The OCPP backend is down" in str(run.error)


def test_after_an_outage_one_call_finds_out_and_then_all_are_asked_for(network: Network) -> None:
    _running(network, 20)
    network.suffer(OUTAGES["nothing"])
    network.poll()
    network.recover()
    network.now += 1.2 * OPEN_SECONDS
    assert (network.poll(), network.locator.paths()[0], network.hits) == (
        Outcome(20),
        "/api/locator/session/0/",
        21,
    )


def test_where_no_session_is_silent_the_backend_is_greeted(network: Network) -> None:
    network.locator.answer(refusal(404, "transaction_not_found"))
    outcome = network.poll()
    state = network.state()
    assert (outcome, network.locator.paths(), state is not None and state.last_ok) == (
        Outcome(0),
        ["/api/locator/session/0/"],
        NOON,
    )


def test_a_backend_that_does_not_answer_the_greeting_is_told_of(network: Network) -> None:
    network.suffer(OUTAGES["HTML"])
    for _ in range(FAILURES):
        assert network.poll().failed == 1
    state = network.state()
    assert state is not None and state.down_since == NOON


def test_tries_that_take_long_use_up_the_patience_too(network: Network) -> None:
    def slow(handler: Any) -> None:
        network.now += 40
        html(500)(handler)

    network.locator.answer(slow)
    with pytest.raises(BackendRefused):
        network.backend.session(1)
    assert network.hits == 3
