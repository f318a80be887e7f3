"""What the store tells of the work that waits, and of the jobs that should do it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from db import backlog as backlogs
from db import job_schedules
from db.backlog import backlog
from db.engine import reading, writing
from db.job_health import health_of_jobs, late_jobs
from db.job_schedules import Expected
from db.job_states import job_states
from db.models import JobRun, WebhookEvent, utc_now
from schedule import Schedule
from webhook_receiver.store_metrics import StoreCollector

NOW = datetime(2026, 3, 4, 8, tzinfo=UTC)


def _event(state: str, age: float, key: str) -> WebhookEvent:
    return WebhookEvent(
        event_key=key,
        body_digest="d",
        type="station_status",
        body=b"{}",
        state=state,
        received_at=NOW - timedelta(seconds=age),
    )


def _run(begun: timedelta, *, state: str = "done", took: float = 2, job: str = "check") -> JobRun:
    started = NOW - begun
    return JobRun(
        job=job,
        slot=started,
        started_at=started,
        ended_at=None if state == "running" else started + timedelta(seconds=took),
        state=state,
    )


def _store(engine: Engine, *rows: object) -> None:
    with writing(engine) as store:
        store.add_all(rows)


def test_an_empty_inbox_has_no_backlog_and_no_lag(engine: Engine) -> None:
    with reading(engine) as store:
        found = backlog(store)
    assert (found.received, found.waiting, found.dead, found.lag(NOW)) == (0, 0, 0, timedelta())


def test_events_are_counted_by_what_keeps_them_from_being_applied(engine: Engine) -> None:
    states = ("received", "received", "waiting", "dead", "applied", "ignored")
    _store(engine, *(_event(state, 10, str(number)) for number, state in enumerate(states)))
    with reading(engine) as store:
        found = backlog(store)
    assert (found.received, found.waiting, found.dead) == (2, 1, 1)


def test_the_lag_is_the_age_of_the_oldest_that_is_to_be_applied(engine: Engine) -> None:
    _store(engine, _event("dead", 900, "a"), _event("received", 60, "b"), _event("received", 5, "c"))
    with reading(engine) as store:
        assert backlog(store).lag(NOW) == timedelta(seconds=60)


def test_an_event_from_a_clock_ahead_of_ours_is_no_lag(engine: Engine) -> None:
    _store(engine, _event("received", -60, "a"))
    with reading(engine) as store:
        assert backlog(store).lag(NOW) == timedelta()


def test_counting_stops_where_it_would_cost_more_than_it_tells(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlogs, "MOST_COUNTED", 3)
    _store(engine, *(_event("received", 1, str(number)) for number in range(5)))
    with reading(engine) as store:
        assert backlog(store).received == 3


def _expect(engine: Engine, due: timedelta) -> None:
    with writing(engine) as store:
        check = Expected("check", Schedule(seconds=3600))
        job_schedules.note_next(store, check, next_due=NOW + due, now=NOW)


def _late(engine: Engine) -> list[str] | None:
    with reading(engine) as store:
        late = late_jobs(store, NOW)
    return None if late is None else [row.job for row in late]


def test_where_no_scheduler_was_ever_started_that_is_told(engine: Engine) -> None:
    assert _late(engine) is None


def test_a_job_has_a_minute_until_it_is_late(engine: Engine) -> None:
    _expect(engine, -timedelta(seconds=60))
    assert _late(engine) == []


def test_a_job_that_was_due_longer_ago_is_late(engine: Engine) -> None:
    _expect(engine, -timedelta(seconds=61))
    assert _late(engine) == ["check"]


@pytest.mark.parametrize(("heard_ago", "late"), [(0, []), (90, ["check"])])
def test_a_job_that_runs_is_not_late_as_long_as_somebody_beats_for_it(
    engine: Engine, heard_ago: float, late: list[str]
) -> None:
    _expect(engine, -timedelta(hours=1))
    run = _run(timedelta(hours=1), state="running")
    run.heartbeat_at = utc_now() - timedelta(seconds=heard_ago)
    _store(engine, run)
    with reading(engine) as store:
        assert [state.name for state in job_states(store, NOW) if state.is_late] == late
    assert _late(engine) == late


def test_a_jobs_health_tells_its_last_success_and_the_failures_of_a_day(engine: Engine) -> None:
    _expect(engine, timedelta())
    _store(
        engine,
        _run(timedelta(hours=30), state="failed"),
        _run(timedelta(hours=4), took=7),
        _run(timedelta(hours=3), state="failed"),
        _run(timedelta(hours=2), state="failed"),
        _run(timedelta(hours=1), state="running"),
    )
    with reading(engine) as store:
        (health,) = health_of_jobs(store, NOW)
    assert (health.succeeded_at, health.took, health.failed_lately) == (
        NOW - timedelta(hours=4) + timedelta(seconds=7),
        timedelta(seconds=7),
        2,
    )


def test_metrics_tell_what_is_late_and_when_the_next_run_is_due(engine: Engine) -> None:
    _expect(engine, -timedelta(seconds=61))
    with writing(engine) as store:
        soon = Expected("apply", Schedule(seconds=1), quiet=True)
        job_schedules.note_next(store, soon, next_due=NOW + timedelta(seconds=1), now=NOW)
    metrics = CollectorRegistry()
    metrics.register(StoreCollector(engine, lambda: NOW))

    def told(name: str) -> list[float | None]:
        return [metrics.get_sample_value(name, {"job": job}) for job in ("check", "apply")]

    assert told("mengedmate_job_late") == [1, 0]
    due = NOW.timestamp()
    assert told("mengedmate_job_next_due_timestamp_seconds") == [due - 61, due + 1]
