"""When the backend counts as down, who is let through to find out, and what is written down of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text
from webhooks import NOON

from db.engine import reading
from db.models import BackendState
from ocpp_integration import backend_state
from ocpp_integration.backend_state import StoredState
from ocpp_integration.breaker import FAILURES, OPEN_SECONDS, Breaker
from ocpp_integration.errors import BackendDown, BackendError, BackendRefused, BackendSilent


@dataclass
class Circuit:
    """A breaker with a clock of its own, and what was called through it."""

    now: float = 0
    called: int = 0
    heard: list[str] = field(default_factory=list)
    spread: float = 1
    breaker: Breaker = field(init=False)

    def __post_init__(self) -> None:
        self.breaker = Breaker(self, clock=lambda: self.now, spread=lambda _low, _high: self.spread)

    def opened(self, reason: str) -> None:
        self.heard.append(f"opened: {reason}")

    def answered(self, *, closed: bool) -> None:
        self.heard.append("closed" if closed else "answered")

    def call(self, error: BaseException | None = None) -> str:
        def work() -> str:
            self.called += 1
            if error is not None:
                raise error
            return "answer"

        return self.breaker.call(work)

    def fail(self, times: int = 1, error: BaseException | None = None) -> None:
        for _ in range(times):
            with pytest.raises(BaseException):  # noqa: B017 - whatever it is made of
                self.call(error or BackendSilent("cut"))


@pytest.fixture
def circuit() -> Circuit:
    return Circuit()


@pytest.fixture
def opened(circuit: Circuit) -> Circuit:
    circuit.fail(FAILURES)
    circuit.called = 0
    circuit.heard.clear()
    return circuit


OUTAGES: list[BackendError] = [
    BackendDown("refused"),
    BackendSilent("cut"),
    BackendRefused("", 500, "internal_error"),
    BackendRefused("", 502),
    BackendRefused("", 503),
    BackendRefused("", 302),
]
ANSWERS: list[BackendError] = [
    BackendRefused("", 404, "transaction_not_found"),
    BackendRefused("", 401),
    BackendRefused("", 429),
    BackendRefused("", 503, "charge_point_not_connected"),
    BackendRefused("", 504, "charge_point_timeout"),
]


@pytest.mark.parametrize("error", OUTAGES, ids=repr)
def test_five_failures_in_a_row_open_it(circuit: Circuit, error: BackendError) -> None:
    circuit.fail(FAILURES, error)
    circuit.fail()
    assert (circuit.called, circuit.breaker.is_open) == (FAILURES, True)


@pytest.mark.parametrize("error", ANSWERS, ids=repr)
def test_a_refusal_of_a_backend_that_works_opens_nothing(circuit: Circuit, error: BackendError) -> None:
    circuit.fail(3 * FAILURES, error)
    assert (circuit.called, circuit.breaker.is_open) == (3 * FAILURES, False)


def test_an_answer_in_between_begins_the_count_anew(circuit: Circuit) -> None:
    circuit.fail(FAILURES - 1)
    circuit.call()
    circuit.fail(FAILURES - 1)
    assert not circuit.breaker.is_open


@pytest.mark.parametrize(("spread", "after"), [(0.8, 24), (1.0, 30), (1.2, 36)])
def test_while_it_is_open_calls_are_refused_at_once_and_told_when_to_come_back(
    circuit: Circuit, spread: float, after: float
) -> None:
    circuit.spread = spread
    circuit.fail(FAILURES)
    with pytest.raises(BackendDown) as caught:
        circuit.call()
    assert (caught.value.retry_after, circuit.called) == (after, FAILURES)


def test_the_time_that_it_stays_open_is_spread_by_a_fifth(circuit: Circuit) -> None:
    asked: list[tuple[float, float]] = []

    def spread(low: float, high: float) -> float:
        asked.append((low, high))
        return 1

    breaker = Breaker(spread=spread)
    circuit.breaker = breaker
    circuit.fail(FAILURES)
    assert asked == [(0.8, 1.2)]


def test_of_many_threads_exactly_one_finds_out(opened: Circuit) -> None:
    opened.now += OPEN_SECONDS
    all_refused = threading.Event()
    refused: list[float | None] = []

    def work() -> str:
        opened.called += 1
        assert all_refused.wait(10)
        return "answer"

    def call() -> str | None:
        try:
            return opened.breaker.call(work)
        except BackendDown as error:
            refused.append(error.retry_after)
            if len(refused) == 31:
                all_refused.set()
            return None

    with ThreadPoolExecutor(32) as pool:
        answers = [future.result() for future in [pool.submit(call) for _ in range(32)]]
    assert (opened.called, answers.count("answer"), len(refused), None in refused) == (1, 1, 31, False)


def test_a_probe_that_succeeds_closes_it(opened: Circuit) -> None:
    opened.now += OPEN_SECONDS
    opened.call()
    opened.fail(FAILURES - 1)
    assert (opened.heard[:1], opened.breaker.is_open) == (["closed"], False)


@pytest.mark.parametrize("error", [BackendSilent("again"), KeyboardInterrupt(), RuntimeError("a mistake")])
def test_a_probe_that_fails_opens_it_anew(opened: Circuit, error: BaseException) -> None:
    opened.now += OPEN_SECONDS
    opened.fail(1, error)
    opened.fail()
    assert opened.called == 1
    opened.now += OPEN_SECONDS
    assert opened.call() == "answer"


def test_what_becomes_of_calls_that_began_before_it_opened_changes_nothing(circuit: Circuit) -> None:
    def slow(error: BackendError | None) -> Callable[[], str]:
        def work() -> str:
            circuit.fail(FAILURES)
            circuit.heard.clear()
            if error is not None:
                raise error
            return "answer"

        return work

    assert circuit.breaker.call(slow(None)) == "answer"
    assert (circuit.breaker.is_open, circuit.heard) == (True, [])


# What is written down


@dataclass
class Written:
    """The stored state, by clocks that are set by hand."""

    engine: Engine
    seconds: float = 0

    def __post_init__(self) -> None:
        self.state = StoredState(
            self.engine, now=lambda: NOON + timedelta(seconds=self.seconds), clock=lambda: self.seconds
        )

    def row(self) -> tuple[float | None, str | None, float | None] | None:
        """(down since, why, last answer) in seconds after noon."""
        with reading(self.engine) as store:
            found: BackendState | None = backend_state.find(store)
        if found is None:
            return None
        down, heard = (
            None if at is None else (at - NOON).total_seconds() for at in (found.down_since, found.last_ok)
        )
        return down, found.last_error, heard


@pytest.fixture
def written(engine: Engine) -> Written:
    return Written(engine)


def test_before_the_first_call_nothing_is_known(written: Written) -> None:
    assert written.row() is None


def test_a_backend_is_down_since_the_first_time_that_it_was_told(written: Written) -> None:
    written.state.opened("cut")
    written.seconds = 30
    written.state.opened("refused")
    assert written.row() == (0, "refused", None)


def test_an_answer_ends_it_and_the_reason_stays(written: Written) -> None:
    written.state.opened("cut")
    written.seconds = 45
    written.state.answered(closed=True)
    assert written.row() == (None, "cut", 45)


def test_an_answer_is_written_down_once_a_minute(written: Written) -> None:
    seen = []
    for written.seconds in (0, 30, 59, 60, 61):
        written.state.answered(closed=False)
        seen.append(written.row())
    assert seen == [(None, None, at) for at in (0, 0, 0, 60, 60)]


def test_an_answer_to_one_process_ends_what_another_has_told(written: Written) -> None:
    other = Written(written.engine)
    other.state.opened("cut")
    written.seconds = 20
    written.state.answered(closed=False)
    assert written.row() == (None, "cut", 20)


def test_a_store_that_cannot_be_written_to_keeps_nobody_from_the_backend(written: Written) -> None:
    with written.engine.begin() as connection:
        connection.execute(text("ALTER TABLE backend_state RENAME TO elsewhere"))
    try:
        breaker = Breaker(written.state)
        assert breaker.call(lambda: "answer") == "answer"
    finally:
        with written.engine.begin() as connection:
            connection.execute(text("ALTER TABLE elsewhere RENAME TO backend_state"))
