"""What the store tells of the work that waits, and of the jobs that should do it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from db import backlog as backlogs
from db.backlog import backlog
from db.engine import reading, writing
from db.job_health import LateJob, expected_jobs, job_states, late_jobs
from db.models import JobRun, WebhookEvent
from jobs.work import all_jobs
from ocpp_integration.backend import BackendClient
from settings import load

NOW = datetime(2026, 3, 4, 8, tzinfo=UTC)
HOURLY = {"check": timedelta(hours=1)}


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


def _late(engine: Engine) -> list[LateJob]:
    with reading(engine) as store:
        return late_jobs(store, NOW, HOURLY)


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


def test_a_job_that_never_ran_is_late(engine: Engine) -> None:
    assert _late(engine) == [LateJob("check", None)]


def test_a_job_may_miss_a_run_before_it_is_late(engine: Engine) -> None:
    _store(engine, _run(timedelta(hours=2, minutes=50)))
    assert _late(engine) == []


def test_a_job_that_missed_three_runs_is_late_since_its_last(engine: Engine) -> None:
    _store(engine, _run(timedelta(hours=9)), _run(timedelta(hours=3, minutes=2)))
    assert _late(engine) == [LateJob("check", NOW - timedelta(hours=3, minutes=2))]


def test_a_job_that_fails_is_not_late(engine: Engine) -> None:
    _store(engine, _run(timedelta(minutes=5), state="failed"))
    assert _late(engine) == []


def test_a_jobs_state_tells_its_last_success_and_the_failures_of_a_day(engine: Engine) -> None:
    _store(
        engine,
        _run(timedelta(hours=30), state="failed"),
        _run(timedelta(hours=4), took=7),
        _run(timedelta(hours=3), state="failed"),
        _run(timedelta(hours=2), state="failed"),
        _run(timedelta(hours=1), state="running"),
    )
    with reading(engine) as store:
        (state,) = job_states(store, NOW, ["check"])
    assert (state.succeeded_at, state.took, state.failed_lately) == (
        NOW - timedelta(hours=4) + timedelta(seconds=7),
        timedelta(seconds=7),
        2,
    )


def test_every_job_that_leaves_a_row_for_each_run_is_expected(sqlite: Engine) -> None:
    settings = load(None)
    jobs = all_jobs(settings, sqlite, BackendClient(settings))
    told = {job.name: timedelta(seconds=job.seconds) for job in jobs if not job.quiet}
    assert expected_jobs(settings) == told
