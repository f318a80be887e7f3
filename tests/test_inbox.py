"""Recorded webhooks are applied once each, and none holds up another."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import factories
import pytest
from sqlalchemy import Engine, event, func, insert, select, text
from sqlalchemy.exc import OperationalError
from webhooks import STATION, Body, apply, at, progress, record, started, status, stopped, tell, webhook

from db import rollups
from db.backlog import backlog
from db.engine import reading, writing
from db.inbox import Inbox, Outcome, RecordedEvent
from db.models import ChargingSession, OCPPLog, SessionMeterValue, WebhookEvent
from ocpp_integration import lifecycle
from ocpp_integration.books import Books
from ocpp_integration.events import Event
from ocpp_integration.inbox import apply_batch, release_waiting


@pytest.fixture
def network(engine: Engine) -> Engine:
    with writing(engine) as store:
        factories.add_station(store, factories.add_owner(store), station_id=STATION)
    return engine


def _states(engine: Engine) -> list[str]:
    with reading(engine) as store:
        return list(store.scalars(select(WebhookEvent.state).order_by(WebhookEvent.id)))


def _errors(engine: Engine) -> list[str | None]:
    with reading(engine) as store:
        return list(store.scalars(select(WebhookEvent.error).order_by(WebhookEvent.id)))


def _count(engine: Engine, model: type[Any]) -> int:
    with reading(engine) as store:
        return store.scalar(select(func.count()).select_from(model)) or 0


def _values(number: int) -> list[dict[str, str]]:
    return [{"timestamp": at(number).isoformat(), "value": str(1000 + number)}]


def test_an_applied_event_is_marked_with_its_time(network: Engine) -> None:
    tell(network, started(0))
    with reading(network) as store:
        row = store.scalars(select(WebhookEvent)).one()
    assert (row.state, row.applied_at, row.error) == ("applied", at(3600), None)


def test_a_resent_event_is_applied_once(network: Engine) -> None:
    body = progress(60, 1, meter_values=_values(60))
    tell(network, body, body)
    tell(network, body)
    assert (_count(network, WebhookEvent), _count(network, SessionMeterValue)) == (1, 1)


def test_what_is_applied_is_not_applied_again(network: Engine) -> None:
    tell(network, progress(60, 1, meter_values=_values(60)))
    assert (apply_batch(network, now=at(99)).taken, _count(network, SessionMeterValue)) == (0, 1)


def test_a_batch_takes_no_more_than_its_limit(network: Engine) -> None:
    record(network, *(progress(n, n / 10) for n in range(5)))
    assert (apply_batch(network, now=at(99), limit=3).taken, apply_batch(network, now=at(99)).taken) == (3, 2)


def test_two_workers_apply_each_event_once(network: Engine) -> None:
    record(network, *(progress(n, n / 1000, meter_values=_values(n)) for n in range(60)))
    with ThreadPoolExecutor(2) as pool:
        taken = sum(applied.taken for applied in pool.map(lambda _: apply(network, 10), range(2)))
    # Both may have left it to the other while it held the station.
    taken += apply(network).taken
    assert (taken, _count(network, SessionMeterValue)) == (60, 60)


def _plan(engine: Engine, statement: str, parameters: Any) -> str:
    explain = "EXPLAIN QUERY PLAN " if engine.dialect.name == "sqlite" else "EXPLAIN "
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(explain + statement, parameters).all()
    return "\n".join(str(row[-1]) for row in rows)


def test_what_is_applied_costs_the_search_for_work_nothing(network: Engine) -> None:
    with writing(network) as store:
        rows = [
            {"event_key": str(n), "body_digest": "", "type": "x", "body": b"", "state": "applied"}
            for n in range(3000)
        ]
        store.execute(insert(WebhookEvent), rows)
        # As the store does by itself in time.
        store.execute(text("ANALYZE webhook_events"))
    record(network, started(0))
    statements: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "webhook_events" in statement and statement.startswith("SELECT"):
            statements.append((statement, parameters))

    event.listen(network, "before_cursor_execute", note)
    apply_batch(network, now=at(99))
    event.remove(network, "before_cursor_execute", note)
    plans = [_plan(network, *statement) for statement in statements]
    by_index = ("ix_webhook_events_state", "PRIMARY KEY", "pk_webhook_events")
    assert [plan for plan in plans if not any(index in plan for index in by_index)] == []


def test_an_event_that_cannot_be_applied_is_kept_with_the_reason(network: Engine) -> None:
    tell(network, webhook("session_stopped", 0))
    (error,) = _errors(network)
    assert (_states(network), "transaction_id" in (error or "")) == (["dead"], True)


def test_a_dead_event_does_not_hold_up_those_behind_it(network: Engine) -> None:
    applied = tell(network, webhook("session_stopped", 0), started(0), stopped(60))
    assert (applied.dead, _states(network)) == (1, ["dead", "applied", "applied"])


def test_a_dead_event_leaves_nothing_behind(network: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(books: Books, report: lifecycle.Report, data: Any) -> None:
        original(books, report, data)
        books.store.flush()
        raise AttributeError("a fault of ours")

    original = lifecycle.HANDLERS["session_started"]
    monkeypatch.setitem(lifecycle.HANDLERS, "session_started", half)
    tell(network, started(0), status(0, "charging"))
    assert (_states(network), _count(network, ChargingSession)) == (["dead", "applied"], 0)


def test_a_value_that_the_store_refuses_kills_only_its_event(
    network: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(books: Books, _report: lifecycle.Report, _data: Any) -> None:
        books.store.add(OCPPLog())
        books.store.flush()

    monkeypatch.setitem(lifecycle.HANDLERS, "session_started", refused)
    tell(network, started(0), status(0, "charging"))
    assert _states(network) == ["dead", "applied"]


def test_a_time_without_a_zone_kills_only_its_event(network: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def naive(books: Books, _report: lifecycle.Report, _data: Any) -> None:
        books.store.add(OCPPLog(action="x", timestamp=datetime(2026, 1, 1)))  # noqa: DTZ001
        books.store.flush()

    monkeypatch.setitem(lifecycle.HANDLERS, "session_started", naive)
    tell(network, started(0), status(0, "charging"))
    assert _states(network) == ["dead", "applied"]


def test_a_connector_number_that_no_station_has_is_refused(network: Engine) -> None:
    tell(network, progress(0, 1, connector_id=10**12))
    assert (_states(network), _count(network, ChargingSession)) == (["dead"], 0)


def test_webhooks_and_polls_of_one_session_at_once_lose_nothing_of_each_other(network: Engine) -> None:
    tell(network, started(0))
    record(network, *(progress(n, n / 1000) for n in range(0, 80, 2)))

    def poll(n: int) -> None:
        told = {"energy_consumed_kwh": n / 1000, "current_power_kw": 11}
        polled = Event(
            type="session_progress", data=told, station_id=STATION, transaction_id=1, timestamp=at(n)
        )
        with writing(network) as store:
            lifecycle.apply_event(store, polled, at(99))

    with ThreadPoolExecutor(2) as pool:
        applied = pool.submit(apply, network, 5)
        list(pool.map(poll, range(1, 80, 2)))
        applied.result()
    apply(network)
    tell(network, stopped(90, meter_stop=None))
    with reading(network) as store:
        session = store.scalars(select(ChargingSession)).one()
        assert (session.energy_wh, session.status) == (79, "completed")
        assert rollups.differing(store, at(0).date(), at(0).date()) == 0


def test_a_type_that_we_do_not_know_is_ignored(network: Engine) -> None:
    tell(network, webhook("battery_swapped", 0, cells=4))
    assert (_states(network), _count(network, OCPPLog)) == (["ignored"], 0)


@pytest.mark.parametrize(
    "body", [started(0), status(0, "charging"), webhook("station_status", 0, is_online=True)]
)
def test_an_event_of_an_unknown_station_waits(engine: Engine, body: Body) -> None:
    tell(engine, body)
    assert (_states(engine), _count(engine, ChargingSession)) == (["waiting"], 0)


def test_an_event_that_waits_is_not_taken_again_and_again(engine: Engine) -> None:
    tell(engine, started(0))
    assert apply_batch(engine, now=at(99)).taken == 0


def test_what_waited_for_a_station_is_applied_when_it_appears(engine: Engine) -> None:
    tell(engine, started(0), stopped(60))
    with writing(engine) as store:
        factories.add_station(store, factories.add_owner(store), station_id=STATION)
    released = release_waiting(engine, now=at(7200))
    apply(engine)
    assert (released, _states(engine), _errors(engine)) == (2, ["applied"] * 2, [None] * 2)


def test_what_waited_for_a_station_is_late_only_from_its_release(engine: Engine) -> None:
    tell(engine, started(0), stopped(60))
    with writing(engine) as store:
        factories.add_station(store, factories.add_owner(store), station_id=STATION)
    release_waiting(engine, now=at(7200))
    with reading(engine) as store:
        assert backlog(store).lag(at(7210)) == timedelta(seconds=10)
    record(engine, progress(30, 1), received_at=at(7000))
    with reading(engine) as store:
        assert backlog(store).lag(at(7210)) == timedelta(seconds=210)


def test_what_waited_for_a_session_is_applied_when_it_appears(network: Engine) -> None:
    nameless = progress(30, 0.5)
    del nameless["station_id"]
    tell(network, nameless)
    waiting = _states(network)
    tell(network, started(0))
    release_waiting(network, now=at(7200))
    apply(network)
    assert (waiting, _states(network)) == (["waiting"], ["applied", "applied"])


def test_an_event_that_names_no_station_keeps_its_place_behind_those_of_its_session(network: Engine) -> None:
    nameless = progress(30, 0.5)
    del nameless["station_id"]
    record(network, started(0), nameless)
    states = []
    while apply_batch(network, now=at(99), limit=1).taken:
        states.append(_states(network))
    assert states == [["applied", "received"], ["applied", "applied"]]


def test_what_waits_for_another_station_goes_on_waiting(network: Engine) -> None:
    tell(network, webhook("station_status", 0, station="STATION_ELSEWHERE", is_online=True))
    assert (release_waiting(network, now=at(7200)), _states(network)) == (0, ["waiting"])


@pytest.fixture
def full_store(network: Engine) -> Iterator[Engine]:
    """A store whose every change to sessions fails as on a full disk."""

    def fail(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("UPDATE charging_sessions"):
            raise OperationalError(statement, {}, Exception("database or disk is full"))

    event.listen(network, "before_cursor_execute", fail)
    yield network
    event.remove(network, "before_cursor_execute", fail)


def test_a_fault_of_the_store_leaves_the_whole_batch_as_it_was(full_store: Engine) -> None:
    record(full_store, status(0, "charging"), started(0))
    with pytest.raises(OperationalError):
        apply_batch(full_store, now=at(99))
    assert (_states(full_store), _count(full_store, OCPPLog)) == (["received", "received"], 0)


class _Deadlock(Exception):
    sqlstate = "40P01"


def test_a_batch_that_the_store_gave_up_for_another_is_repeated(network: Engine) -> None:
    failures = [OperationalError("UPDATE", {}, _Deadlock("deadlock detected"))]

    def fail_once(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO rollups") and failures:
            raise failures.pop()

    event.listen(network, "before_cursor_execute", fail_once)
    tell(network, started(0), stopped(600))
    event.remove(network, "before_cursor_execute", fail_once)
    assert (failures, _states(network), _count(network, OCPPLog)) == ([], ["applied"] * 2, 2)


def test_another_body_under_a_known_id_is_kept_and_never_applied(network: Engine) -> None:
    body = started(0)
    tell(network, body)
    forged = body | {"data": {"meter_start": 5}}
    tell(network, forged)
    assert _states(network) == ["applied", "dead"]


def test_a_body_that_is_no_event_dies_with_its_reason(network: Engine) -> None:
    inbox = Inbox(network)
    broken = RecordedEvent(
        event_key="k", body_digest="d", type="session_started", body=b"{", received_at=at(0)
    )
    outcome = inbox.record(broken)
    inbox.close()
    apply(network)
    assert (outcome, _states(network)) == (Outcome.RECORDED, ["dead"])
