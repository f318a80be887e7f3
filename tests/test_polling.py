"""What the backend says of a session when it is asked goes the way of its webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import factories
import pytest
from locator import Answer, Locator, cut, html, refusal, reply, running_locator
from sqlalchemy import Engine, event, select
from sqlalchemy.exc import OperationalError
from webhooks import NOON, STATION, at, progress, started, stopped, tell

from db import rollups
from db.engine import reading, writing
from db.models import ChargingSession, Command, OCPPConnector, OCPPLog, OCPPStation
from ocpp_integration import polling
from ocpp_integration.backend import BackendClient
from ocpp_integration.errors import BackendError, BackendRefused, BackendSilent, NotFound

NOW = at(600)
TOLD = {
    "status": "Charging",
    "start_time": at(0).isoformat(),
    "duration_seconds": 300,
    "energy_consumed_kwh": 4.2,
    "current_power_kw": 11,
    "meter_start": 1000,
    "connector_id": 1,
}


@dataclass
class Polling:
    engine: Engine
    locator: Locator
    backend: BackendClient

    def ask(self, transaction: int = 1, now: datetime = NOW, **told: Any) -> ChargingSession:
        self.locator.answer(reply(200, {"session_data": {**TOLD, **told}}))
        return polling.refresh(self.engine, self.backend, transaction, now=now)[0]

    def session(self) -> ChargingSession:
        with reading(self.engine) as store:
            return store.scalars(select(ChargingSession)).one()


@pytest.fixture
def poll(engine: Engine) -> Iterator[Polling]:
    """A running session 1, started at noon, of which nothing more was heard."""
    with writing(engine) as store:
        tariff = factories.add_tariff(store)
        factories.add_station(store, factories.add_owner(store), station_id=STATION, tariff=tariff)
    tell(engine, started(0))
    with running_locator() as locator:
        settings = locator.settings(ocpp_retry_attempts=0)
        yield Polling(engine, locator, BackendClient(settings))


def test_a_running_session_gets_what_the_backend_knows(poll: Polling) -> None:
    session = poll.ask(now=at(7200))
    assert (session.status, session.energy_wh, session.power_w, session.heard_at) == (
        "charging",
        4200,
        11_000,
        at(7200),
    )


def test_a_session_whose_end_got_lost_ends(poll: Polling) -> None:
    session = poll.ask(status="Stopped", meter_stop=6000, stop_reason="Local", stop_time=at(320).isoformat())
    assert (session.status, session.energy_wh, session.stop_time) == ("completed", 5000, at(320))


def test_an_end_without_a_time_is_its_duration_after_the_start(poll: Polling) -> None:
    assert poll.ask(status="Stopped", meter_stop=6000).stop_time == at(300)


def test_an_end_is_never_later_than_now(poll: Polling) -> None:
    assert poll.ask(status="Stopped", duration_seconds=10**6).stop_time == NOW


def test_an_estimated_end_is_flagged(poll: Polling) -> None:
    assert poll.ask(status="Stopped", estimated=True).flags == ["estimated_stop"]


def test_the_same_told_by_poll_and_webhook_is_the_same(poll: Polling) -> None:
    poll.ask(status="Stopped", meter_stop=6000, stop_reason="Local", stop_time=at(320).isoformat())
    before = poll.session()
    tell(poll.engine, stopped(320, meter_stop=6000))
    after = poll.session()
    assert (after.energy_wh, after.stop_time, after.cost) == (before.energy_wh, before.stop_time, before.cost)


def test_a_poll_does_not_make_webhooks_of_a_slow_clock_old_news(poll: Polling) -> None:
    poll.ask()
    tell(poll.engine, progress(310, 4.3, kw=7))
    assert poll.session().power_w == 7000


def test_a_poll_leaves_the_sums_right(poll: Polling) -> None:
    poll.ask()
    poll.ask(status="Stopped", meter_stop=6000)
    with reading(poll.engine) as store:
        assert rollups.differing(store, NOON.date(), NOON.date()) == 0


def test_a_poll_does_not_reopen_an_ended_session(poll: Polling) -> None:
    tell(poll.engine, stopped(60, meter_stop=2000))
    assert poll.ask().status == "completed"


@pytest.mark.parametrize("status", ["Started", "Stopping", "Resting", "", None, 7])
def test_a_status_that_tells_nothing_changes_nothing(poll: Polling, status: object) -> None:
    assert poll.ask(status=status).status == "started"


@pytest.mark.parametrize(
    "told",
    [
        {"duration_seconds": "soon"},
        {"duration_seconds": {}},
        {"duration_seconds": 10**15},
        {"start_time": "yesterday"},
        {"start_time": [7]},
        {"energy_consumed_kwh": "NaN"},
        {"energy_consumed_kwh": 10**6},
        {"meter_start": -1},
        {"status": "Stopped", "stop_time": 12},
        {"status": "Stopped", "final_cost": -1},
    ],
)
def test_an_answer_that_cannot_be_used_changes_nothing(poll: Polling, told: dict[str, Any]) -> None:
    with pytest.raises(BackendSilent):
        poll.ask(**told)
    session = poll.session()
    assert (session.status, session.energy_wh, session.heard_at) == ("started", None, at(3600))


@pytest.mark.parametrize("answer", [reply(200, {}), reply(200, {"session_data": []}), html(), cut(b"")])
def test_an_answer_without_a_session_is_a_failure(poll: Polling, answer: Any) -> None:
    poll.locator.answer(answer)
    with pytest.raises(BackendError):
        polling.refresh(poll.engine, poll.backend, 1, now=NOW)


def test_a_session_that_we_do_not_know_is_not_asked_for(poll: Polling) -> None:
    with pytest.raises(NotFound):
        polling.refresh(poll.engine, poll.backend, 99, now=NOW)
    assert poll.locator.requests == []


def test_a_session_that_the_backend_forgot_ends_with_what_was_known(poll: Polling) -> None:
    tell(poll.engine, progress(240, 3))
    poll.locator.answer(refusal(404, "transaction_not_found"))
    with pytest.raises(BackendRefused):
        polling.refresh(poll.engine, poll.backend, 1, now=NOW)
    session = poll.session()
    assert (session.status, session.energy_wh, session.stop_time, session.flags) == (
        "completed",
        3000,
        at(240),
        ["estimated_stop"],
    )


@pytest.mark.parametrize("answer", [html(404), refusal(404, "not_found"), refusal(410, "gone")])
def test_an_address_that_is_not_there_ends_no_session(poll: Polling, answer: Any) -> None:
    poll.locator.answer(answer)
    with pytest.raises(BackendRefused):
        polling.refresh(poll.engine, poll.backend, 1, now=NOW)
    assert poll.session().status == "started"


def _silent(engine: Engine, since: datetime, limit: int = 10) -> list[int]:
    with reading(engine) as store:
        return [asked.transaction_id for asked in polling.silent_sessions(store, since, limit)]


def _heard(engine: Engine, *times: tuple[int, float, str]) -> None:
    """Sessions by (transaction, seconds after noon at which they were last heard of, status)."""
    with writing(engine) as store:
        station = store.scalars(select(OCPPStation)).one()
        for transaction, seconds, status in times:
            factories.add_session(
                store, station, NOON, status=status, transaction_id=transaction, heard_at=at(seconds)
            )


def test_the_sessions_that_are_silent_the_longest_come_first(poll: Polling) -> None:
    _heard(poll.engine, (10, 50, "charging"), (11, 20, "suspended"), (12, 30, "pending"))
    assert _silent(poll.engine, at(100), limit=2) == [11, 12]


def test_a_session_that_was_heard_of_is_not_asked_for(poll: Polling) -> None:
    _heard(poll.engine, (10, 100, "charging"))
    assert _silent(poll.engine, at(100)) == []


@pytest.mark.parametrize("status", ["completed", "failed", "stopped"])
def test_a_session_that_is_over_is_not_asked_for(poll: Polling, status: str) -> None:
    _heard(poll.engine, (10, 0, status))
    assert _silent(poll.engine, at(100)) == []


def test_an_imported_session_is_not_asked_for(poll: Polling) -> None:
    with writing(poll.engine) as store:
        station = store.scalars(select(OCPPStation)).one()
        factories.add_session(store, station, NOON, status="charging", transaction_id=None)
    assert _silent(poll.engine, at(100)) == []


# Many at once


def _by_number(poll: Polling, **answers: Answer) -> None:
    """Answer each session with its own: `_7` is that of session 7, `others` that of the rest."""

    def answer(handler: Any) -> None:
        number = handler.path.rstrip("/").rpartition("/")[2]
        answers.get(f"_{number}", answers["others"])(handler)

    poll.locator.answer(answer)


def _run(poll: Polling, *numbers: int, parallel: int = 4, **more: Any) -> polling.Polled:
    with reading(poll.engine) as store:
        silent = [
            asked
            for asked in polling.silent_sessions(store, at(7200), 1000)
            if asked.transaction_id in numbers or not numbers
        ]
    options: dict[str, Any] = {"seconds": 60, "now": lambda: at(7200)} | more
    return polling.poll(poll.engine, poll.backend, silent, parallel=parallel, **options)


def _statuses(poll: Polling) -> dict[int | None, tuple[str, list[str]]]:
    with reading(poll.engine) as store:
        rows = store.scalars(select(ChargingSession).order_by(ChargingSession.transaction_id))
        return {row.transaction_id: (row.status, row.flags) for row in rows}


CHARGING = reply(200, {"session_data": TOLD})


def test_each_of_many_ends_as_it_was_told(poll: Polling) -> None:
    tell(poll.engine, *(started(0, transaction=number) for number in (2, 3)))
    ended = reply(200, {"session_data": {**TOLD, "status": "Stopped", "meter_stop": 6000}})
    _by_number(poll, _2=refusal(404, "transaction_not_found"), _3=ended, others=CHARGING)
    polled = _run(poll)
    assert (polled, _statuses(poll)) == (
        polling.Polled(asked=3, errors=(), left=0),
        {1: ("charging", []), 2: ("failed", ["estimated_stop", "short_duration"]), 3: ("completed", [])},
    )


@pytest.mark.parametrize("bad", [html(), refusal(401, "unauthorized"), reply(200, {"session_data": 7})])
def test_one_that_cannot_be_read_is_told_and_does_not_stop_the_others(poll: Polling, bad: Answer) -> None:
    tell(poll.engine, *(started(0, transaction=number) for number in (2, 3)))
    _by_number(poll, _2=bad, others=CHARGING)
    polled = _run(poll)
    assert (polled.asked, [error.partition(":")[0] for error in polled.errors]) == (3, ["2"])
    assert [status for status, _ in _statuses(poll).values()] == ["charging", "started", "charging"]


def test_an_answer_that_the_store_does_not_take_does_not_cost_the_others(poll: Polling) -> None:
    tell(poll.engine, *(started(0, transaction=number) for number in (2, 3)))
    with reading(poll.engine) as store:
        silent = polling.silent_sessions(store, at(7200), 10)
    # Told as if it were another station's.
    silent[1] = replace(silent[1], station_id="STATION_ELSEWHERE")
    poll.locator.answer(CHARGING)
    polled = polling.poll(poll.engine, poll.backend, silent, parallel=2, seconds=60, now=lambda: at(7200))
    assert [error.partition(":")[0] for error in polled.errors] == [str(silent[1].transaction_id)]
    assert sorted(status for status, _ in _statuses(poll).values()) == ["charging", "charging", "started"]


class _Fault(Exception):
    def __init__(self, sqlstate: str):
        super().__init__(f"fault {sqlstate}")
        self.sqlstate = sqlstate


@contextmanager
def _failing(engine: Engine, *sqlstates: str) -> Iterator[None]:
    """Each of the next changes to sessions fails with its fault, those after them do not."""
    faults = [OperationalError("UPDATE", {}, _Fault(sqlstate)) for sqlstate in sqlstates]

    def fail(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("UPDATE charging_sessions") and faults:
            raise faults.pop()

    event.listen(engine, "before_cursor_execute", fail)
    yield
    event.remove(engine, "before_cursor_execute", fail)


def test_answers_that_the_store_gave_up_for_others_are_stored_at_the_next_try(poll: Polling) -> None:
    poll.locator.answer(CHARGING)
    with _failing(poll.engine, "40P01", "40001"):
        assert _run(poll).errors == ()
    assert poll.session().status == "charging"


def test_answers_that_a_lock_keeps_out_are_told_and_end_no_run(
    poll: Polling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "SLICE", 1)
    tell(poll.engine, started(0, transaction=2))
    poll.locator.answer(CHARGING)
    with _failing(poll.engine, "55P03"):
        polled = _run(poll)
    assert [error.partition(": ")[2] for error in polled.errors] == ["fault 55P03"]
    assert (polled.asked, polled.left) == (2, 0)
    assert sorted(status for status, _ in _statuses(poll).values()) == ["charging", "started"]


def test_a_store_that_is_full_ends_the_run(poll: Polling) -> None:
    poll.locator.answer(CHARGING)
    with _failing(poll.engine, "53100"), pytest.raises(OperationalError):
        _run(poll)


def test_sessions_that_always_fail_do_not_keep_the_others_from_their_turn(poll: Polling) -> None:
    _heard(poll.engine, *((number, number, "charging") for number in (10, 11, 12)))
    _by_number(poll, _10=refusal(401, "unauthorized"), _11=html(), others=CHARGING)
    turns = []
    for run in range(3):
        now = at(10_000 + 1000 * run)
        with reading(poll.engine) as store:
            silent = polling.silent_sessions(store, at(9999), 2)
        turns.append([asked.transaction_id for asked in silent])
        polling.poll(poll.engine, poll.backend, silent, parallel=2, seconds=60, now=lambda now=now: now)
    assert [sorted(turn) for turn in turns] == [[10, 11], [1, 12], [10, 11]]


def test_a_session_that_was_asked_for_in_vain_is_as_old_as_it_was(poll: Polling) -> None:
    poll.locator.answer(refusal(401, "unauthorized"))
    before = poll.session()
    _run(poll)
    after = poll.session()
    assert (after.heard_at, after.updated_at) == (before.heard_at, before.updated_at)
    assert after.asked_at == at(7200)


def test_a_beginning_that_is_known_is_not_logged_again(poll: Polling) -> None:
    poll.locator.answer(CHARGING)
    for _ in range(3):
        _run(poll)
    with reading(poll.engine) as store:
        assert [row.action for row in store.scalars(select(OCPPLog))] == ["session_started"]


def test_when_the_time_is_over_the_rest_is_left_for_the_next_run(
    poll: Polling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "SLICE", 2)
    tell(poll.engine, *(started(0, transaction=number) for number in range(2, 8)))
    poll.locator.answer(CHARGING)
    clock = iter(range(1000))
    polled = _run(poll, parallel=1, seconds=4, clock=lambda: next(clock))
    assert (polled.asked, polled.errors, polled.left, len(poll.locator.requests)) == (3, (), 4, 3)


def test_after_many_polls_the_sums_are_right(poll: Polling) -> None:
    tell(poll.engine, *(started(0, transaction=number) for number in range(2, 8)))
    ended = reply(200, {"session_data": {**TOLD, "status": "Stopped", "meter_stop": 6000}})
    for others in (CHARGING, ended, CHARGING):
        _by_number(poll, _2=refusal(404, "transaction_not_found"), others=others)
        _run(poll)
    with reading(poll.engine) as store:
        assert rollups.differing(store, NOON.date(), NOON.date()) == 0


def test_a_session_of_an_unanswered_command_is_asked_for_though_it_was_heard_of(poll: Polling) -> None:
    with writing(poll.engine) as store:
        connector = store.scalars(select(OCPPConnector)).first()
        assert connector
        store.add(
            Command(idempotency_key="k", kind="stop", connector=connector, transaction_id=1, state="unknown")
        )
    assert _silent(poll.engine, at(0)) == [1]
