"""Each run of a job leaves a row, each slot runs once, and a holder that died is replaced."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.exc import IntegrityError, OperationalError
from webhooks import at

from db import job_runs, job_schedules
from db.engine import reading, writing
from db.job_schedules import Expected
from db.models import JobRun, JobSchedule, utc_now
from jobs.advice import UNFORESEEN
from jobs.runs import AlreadyRunning, Cancelled, Job, Outcome, Progress, Runner, each, unheard
from jobs.scheduler import WallClock, announce, make_scheduler, plan_anew
from ocpp_integration.errors import BackendDown, NotFound
from ocpp_integration.events import InvalidEvent
from ocpp_integration.lifecycle import StationUnknown
from schedule import Schedule

NOW = at(3600)
MINUTE = Schedule(seconds=60)
SHORT = timedelta(seconds=0.4)


def _clock() -> datetime:
    return NOW


def _runs(engine: Engine) -> list[JobRun]:
    with reading(engine) as store:
        return list(store.scalars(select(JobRun).order_by(JobRun.id)))


def _states(engine: Engine) -> list[tuple[str, int]]:
    return [(run.state, run.attempt) for run in _runs(engine)]


def _job(work: Callable[[Progress], Outcome] = lambda _: Outcome(), name: str = "sync") -> Job:
    return Job(name, work, MINUTE)


def _raise(_: Progress) -> Outcome:
    raise RuntimeError("the reason")


@pytest.fixture
def runner(engine: Engine) -> Runner:
    return Runner(engine, clock=_clock)


def test_a_run_leaves_a_row_with_its_figures(engine: Engine, runner: Runner) -> None:
    runner.run_slot(_job(lambda _: Outcome(5, 1, "one was refused", "Look at it.", "told 4")))
    (run,) = _runs(engine)
    assert (run.job, run.state, run.processed, run.failed, run.started_at, run.ended_at) == (
        "sync",
        "done",
        5,
        1,
        NOW,
        NOW,
    )
    assert (run.error, run.advice, run.note) == ("one was refused", "Look at it.", "told 4")


def test_a_run_that_raises_is_a_failed_one_with_its_reason_and_what_to_do(
    engine: Engine, runner: Runner
) -> None:
    runner.run_slot(_job(_raise))
    (run,) = _runs(engine)
    assert (run.state, run.error, run.advice) == ("failed", "RuntimeError: the reason", UNFORESEEN)


def test_a_run_without_a_backend_says_how_to_get_one() -> None:
    def refuse(_: int) -> None:
        raise BackendDown("The OCPP backend cannot be reached.")

    outcome = each([1, 2], refuse, unheard)
    assert (outcome.failed, "Start the OCPP backend" in (outcome.advice or "")) == (2, True)


def test_work_on_many_things_says_how_far_it_has_come() -> None:
    seen: list[tuple[int, int | None]] = []

    def fail(thing: int) -> None:
        raise NotFound(f"no {thing}")

    assert each([7, 8], fail, lambda done, total: seen.append((done, total))).error == "7: no 7; 8: no 8"
    assert seen == [(0, 2), (1, 2), (2, 2)]


@pytest.mark.parametrize(
    "fault",
    [
        InvalidEvent({"transaction_id": ["is another station's"]}),
        StationUnknown("no station is called 'A'"),
        IntegrityError("INSERT", {}, Exception("is there already")),
    ],
)
def test_what_is_wrong_with_one_thing_does_not_cost_the_others(fault: Exception) -> None:
    done: list[int] = []

    def work(thing: int) -> None:
        if thing == 1:
            raise fault
        done.append(thing)

    outcome = each([1, 2, 3], work, unheard)
    assert (outcome.processed, outcome.failed, done) == (3, 1, [2, 3])
    assert outcome.error is not None
    assert outcome.error.startswith("1: ")


def test_a_fault_of_the_store_ends_the_run() -> None:
    def work(_: int) -> None:
        raise OperationalError("UPDATE", {}, Exception("disk is full"))

    with pytest.raises(OperationalError):
        each([1, 2], work, unheard)


def test_a_run_of_which_everything_failed_has_failed(engine: Engine, runner: Runner) -> None:
    runner.run_slot(_job(lambda _: Outcome(3, 3, "the backend is down")))
    assert _runs(engine)[0].state == "failed"


def test_a_run_with_nothing_to_do_is_done(engine: Engine, runner: Runner) -> None:
    runner.run_slot(_job())
    assert _runs(engine)[0].state == "done"


def test_a_quiet_job_with_nothing_to_tell_leaves_no_row(engine: Engine, runner: Runner) -> None:
    runner.run_slot(Job("apply", lambda _: Outcome(7), MINUTE, quiet=True))
    assert _runs(engine) == []


def test_a_quiet_job_ends_at_its_next_safe_point_and_leaves_no_row(engine: Engine, runner: Runner) -> None:
    def endless(progress: Progress) -> Outcome:
        for done in range(100):
            progress(done, None)
            runner.stop()
        raise AssertionError("it was not cancelled")

    assert runner.run_slot(Job("apply", endless, MINUTE, quiet=True)) == Outcome()
    assert _runs(engine) == []


def test_a_quiet_job_that_works_off_a_lot_is_not_late_meanwhile(engine: Engine) -> None:
    now = NOW
    late: list[str] = []

    def work(progress: Progress) -> Outcome:
        nonlocal now
        for done in range(3):
            now += timedelta(minutes=2)
            progress(done, None)
            with reading(engine) as store:
                late.extend(row.job for row in job_schedules.late(store, now))
        return Outcome(3)

    job = Job("apply", work, MINUTE, quiet=True)
    with writing(engine) as store:
        job_schedules.announce(store, [job.expected], now)
    Runner(engine, clock=lambda: now).run_slot(job)
    assert late == []


@pytest.mark.parametrize("work", [_raise, lambda _: Outcome(7, 1, "a dead one")])
def test_a_quiet_job_that_fails_leaves_a_row_a_minute(
    engine: Engine, runner: Runner, work: Callable[[Progress], Outcome]
) -> None:
    for _ in range(3):
        runner.run_slot(Job("apply", work, Schedule(seconds=1), quiet=True))
    assert [bool(run.error) for run in _runs(engine)] == [True]


def test_a_quiet_job_that_fails_several_times_a_second_tells_it_once_a_minute(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    now = NOW
    runner = Runner(engine, clock=lambda: now)
    for seconds in (0, 0.25, 60):
        now = NOW + timedelta(seconds=seconds)
        runner.run_slot(Job("apply", _raise, Schedule(seconds=0.25), quiet=True))
    assert len([record for record in caplog.records if record.exc_info]) == 2


def test_of_several_schedulers_in_one_slot_one_runs(engine: Engine) -> None:
    ran: list[int] = []

    def work(_: Progress) -> Outcome:
        ran.append(1)
        return Outcome()

    with ThreadPoolExecutor(4) as pool:
        runners = [Runner(engine, clock=_clock) for _ in range(4)]
        outcomes = list(pool.map(lambda runner: runner.run_slot(_job(work)), runners))
    assert (len(ran), len(_runs(engine)), outcomes.count(None)) == (1, 1, 3)


def test_a_job_does_not_begin_its_next_slot_while_another_host_is_at_the_one_before(engine: Engine) -> None:
    def meanwhile(_: Progress) -> Outcome:
        later = Runner(engine, clock=lambda: NOW + timedelta(seconds=60))
        assert later.run_slot(_job()) is None
        return Outcome()

    assert Runner(engine, clock=_clock).run_slot(_job(meanwhile)) == Outcome()
    assert len(_runs(engine)) == 1


# Progress and cancelling


def test_progress_is_seen_while_the_job_runs(engine: Engine, runner: Runner) -> None:
    seen: list[tuple[int | None, int | None]] = []

    def work(progress: Progress) -> Outcome:
        progress(3, 10)
        seen.extend((run.done, run.total) for run in _runs(engine))
        progress(4, 10)
        seen.extend((run.done, run.total) for run in _runs(engine))
        return Outcome()

    runner.run_slot(_job(work))
    # The second follows at once, and is not worth a write.
    assert seen == [(3, 10), (3, 10)]


def test_work_goes_on_though_its_progress_cannot_be_noted(
    engine: Engine, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object) -> bool:
        raise OperationalError("UPDATE", {}, Exception("database is locked"))

    def work(progress: Progress) -> Outcome:
        progress(1, 2)
        return Outcome(2)

    monkeypatch.setattr(job_runs, "note_progress", locked)
    assert (runner.run_slot(_job(work)), _states(engine)) == (Outcome(2), [("done", 1)])


def test_a_runner_that_stops_cancels_at_the_next_safe_point_and_has_the_slot_run_again(
    engine: Engine, runner: Runner
) -> None:
    reached: list[int] = []

    def work(progress: Progress) -> Outcome:
        progress(0, 2)
        runner.stop()
        progress(1, 2)
        reached.append(1)
        return Outcome()

    runner.run_slot(_job(work))
    assert (_states(engine), reached) == ([("cancelled", 1), ("requested", 2)], [])
    ran_by_another = Runner(engine, clock=_clock)
    assert [run_id for _, run_id in ran_by_another.look([_job()])] == [_runs(engine)[1].id]


def test_a_runner_that_stopped_begins_nothing(engine: Engine, runner: Runner) -> None:
    with writing(engine) as store:
        job_runs.request(store, "sync", "admin", NOW)
    runner.stop()
    assert (runner.run_slot(_job()), runner.look([_job()])) == (None, [])


def test_a_run_that_does_not_end_in_time_is_given_up(engine: Engine, runner: Runner) -> None:
    began, release = threading.Event(), threading.Event()

    def hang(_: Progress) -> Outcome:
        began.set()
        release.wait(30)
        return Outcome(1)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(runner.run_slot, _job(hang))
        assert began.wait(10)
        runner.stop()
        given_up = not runner.wait(0.05)
        release.set()
    # What it says at last changes nothing any more.
    assert (given_up, _states(engine)[0], _runs(engine)[0].processed) == (True, ("cancelled", 1), 0)


# Holders that died


def _abandon(
    engine: Engine, *, attempt: int = 1, trigger: str = "schedule", beaten_seconds_ago: float = 46
) -> None:
    """A running row for which nobody beats."""
    with writing(engine) as store:
        store.add(
            JobRun(
                job="sync",
                slot=MINUTE.slot_of(NOW),
                attempt=attempt,
                trigger=trigger,
                host="gone",
                started_at=NOW,
                heartbeat_at=utc_now() - timedelta(seconds=beaten_seconds_ago),
            )
        )


def test_the_slot_of_a_dead_holder_is_run_again_by_another(engine: Engine, runner: Runner) -> None:
    _abandon(engine)
    ((job, run_id),) = runner.look([_job()])
    runner.carry_out(job, run_id)
    assert _states(engine) == [("lost", 1), ("done", 2)]
    lost, again = _runs(engine)
    assert ("gone" in (lost.error or ""), lost.ended_at, lost.slot) == (True, NOW, again.slot)


def test_a_holder_that_died_while_the_clock_was_ahead_is_replaced_once_it_is_right(
    engine: Engine, runner: Runner
) -> None:
    _abandon(engine, beaten_seconds_ago=-900)
    assert (len(runner.look([_job()])), _states(engine)) == (1, [("lost", 1), ("running", 2)])


def test_a_dead_holder_is_replaced_once_by_however_many(engine: Engine) -> None:
    _abandon(engine)
    with ThreadPoolExecutor(4) as pool:
        looks = list(pool.map(lambda _: Runner(engine).look([_job()]), range(4)))
    assert (sum(len(found) for found in looks), _states(engine)) == (1, [("lost", 1), ("running", 2)])


def test_a_slot_that_kills_every_holder_is_given_up(engine: Engine, runner: Runner) -> None:
    _abandon(engine, attempt=job_runs.MAX_ATTEMPTS)
    assert (runner.look([_job()]), _states(engine)) == ([], [("lost", job_runs.MAX_ATTEMPTS)])


def test_a_run_by_hand_whose_terminal_is_gone_is_lost_and_not_run_again(
    engine: Engine, runner: Runner
) -> None:
    _abandon(engine, trigger="hand")
    assert (runner.look([_job()]), _states(engine)) == ([], [("lost", 1)])


def test_a_run_of_a_job_that_is_no_more_does_not_stay_running(engine: Engine, runner: Runner) -> None:
    _abandon(engine)
    assert (runner.look([_job(name="poll")]), _states(engine)[0]) == ([], ("lost", 1))


def test_a_holder_that_beats_is_left_alone(engine: Engine) -> None:
    looks: list[object] = []

    def slow(_: Progress) -> Outcome:
        deadline = time.monotonic() + 3 * SHORT.total_seconds()
        while time.monotonic() < deadline:
            looks.extend(Runner(engine, heartbeat_timeout=SHORT).look([_job()]))
            time.sleep(0.02)
        return Outcome()

    with Runner(engine, heartbeat_timeout=SHORT) as runner:
        runner.run_slot(_job(slow))
    assert (looks, _states(engine)) == ([], [("done", 1)])


def test_a_holder_that_was_taken_for_dead_finds_out_and_ends(engine: Engine) -> None:
    def wakes_late(progress: Progress) -> Outcome:
        with writing(engine) as store:
            store.execute(update(JobRun).values(state="lost"))
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            progress(1, 2)
            time.sleep(0.01)
        return Outcome(1)

    with Runner(engine, heartbeat_timeout=SHORT) as runner:
        assert runner.run_slot(_job(wakes_late)) == Outcome()
    assert _states(engine) == [("lost", 1)]


# Asked for, and by hand


def test_a_request_is_run_once_and_tells_who_asked(engine: Engine, runner: Runner) -> None:
    with writing(engine) as store:
        asked = [job_runs.request(store, "sync", "selam", NOW) for _ in range(2)]
    for job, run_id in runner.look([_job()]) + runner.look([_job()]):
        runner.carry_out(job, run_id)
    (run,) = _runs(engine)
    assert (asked, run.state, run.trigger, run.requested_by) == ([True, False], "done", "request", "selam")


def test_a_request_waits_for_the_end_of_the_run_under_way(engine: Engine, runner: Runner) -> None:
    found: list[object] = []

    def work(_: Progress) -> Outcome:
        with writing(engine) as store:
            job_runs.request(store, "sync", "selam", NOW + timedelta(seconds=1))
        found.append(Runner(engine).look([_job()]))
        return Outcome()

    runner.run_slot(_job(work))
    assert (found, len(runner.look([_job()]))) == ([[]], 1)


def test_a_run_by_hand_does_not_wait_for_its_slot(engine: Engine, runner: Runner) -> None:
    runner.run_slot(_job())
    run = Runner(engine, clock=lambda: NOW + timedelta(seconds=1)).run_by_hand(_job(lambda _: Outcome(4)))
    assert (run.state, run.trigger, run.processed) == ("done", "hand", 4)


def test_a_run_by_hand_is_refused_while_the_job_runs(engine: Engine, runner: Runner) -> None:
    def work(_: Progress) -> Outcome:
        with pytest.raises(AlreadyRunning, match="is running already on"):
            Runner(engine).run_by_hand(_job())
        return Outcome(1)

    assert runner.run_slot(_job(work)) == Outcome(1)


# What is due, and rows that are old


def test_a_run_tells_when_the_next_one_is_due(engine: Engine, runner: Runner) -> None:
    runner.run_slot(_job())
    with reading(engine) as store:
        (row,) = job_schedules.expected(store)
    assert (row.job, row.seconds, row.cron, row.next_due) == ("sync", 60, None, NOW + timedelta(seconds=60))


def test_a_quiet_job_is_due_soon_after_it_ran(engine: Engine, runner: Runner) -> None:
    runner.run_slot(Job("apply", lambda _: Outcome(), Schedule(seconds=0.25), quiet=True))
    with reading(engine) as store:
        late = [job_schedules.late(store, NOW + timedelta(minutes=minutes)) for minutes in (0, 2)]
    assert [[row.job for row in found] for found in late] == [[], ["apply"]]


def test_a_scheduler_that_starts_announces_its_jobs_and_hides_no_lateness(engine: Engine) -> None:
    long_ago = utc_now() - timedelta(days=1)
    cron = Schedule(cron="0 3 * * *")
    with writing(engine) as store:
        for name in ("sync", "gone"):
            job_schedules.note_next(store, Expected(name, MINUTE), next_due=long_ago, now=long_ago)
    announce(engine, [_job(), Job("poll", lambda _: Outcome(), cron)])
    with reading(engine) as store:
        rows = {row.job: row for row in store.scalars(select(JobSchedule))}
    assert (rows.keys(), rows["sync"].next_due, rows["poll"].cron) == (
        {"sync", "poll"},
        long_ago,
        "0 3 * * *",
    )
    assert rows["poll"].next_due > utc_now()


def test_old_runs_are_deleted_but_a_jobs_newest_stays(engine: Engine) -> None:
    for name, hours in (("sync", 0), ("sync", 1), ("sync", 9), ("poll", 0)):
        Runner(engine, clock=lambda h=hours: NOW + timedelta(hours=h)).run_slot(_job(name=name))  # type: ignore[misc]
    with writing(engine) as store:
        deleted = job_runs.prune(store, NOW + timedelta(hours=5), 100)
    assert (deleted, [(run.job, run.started_at) for run in _runs(engine)]) == (
        2,
        [("sync", NOW + timedelta(hours=9)), ("poll", NOW)],
    )


# With APScheduler


@pytest.fixture
def live(engine: Engine) -> Iterator[Runner]:
    with Runner(engine) as runner:
        yield runner


def _until(reached: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not reached() and time.monotonic() < deadline:
        time.sleep(0.02)
    return reached()


def test_a_job_that_fails_is_run_again(live: Runner) -> None:
    count: list[int] = []

    def work(_: Progress) -> Outcome:
        count.append(1)
        raise RuntimeError("always")

    scheduler = make_scheduler(live, [Job("bad", work, Schedule(seconds=0.05), quiet=True)])
    scheduler.start()
    assert _until(lambda: len(count) >= 3)
    scheduler.shutdown()


def test_what_was_due_while_nobody_ran_is_run_at_the_start(live: Runner, engine: Engine) -> None:
    scheduler = make_scheduler(live, [Job("nightly", lambda _: Outcome(1), Schedule(cron="0 3 * * *"))])
    scheduler.start()
    assert _until(lambda: [run.state for run in _runs(engine)] == ["done"])
    scheduler.shutdown()


def test_after_the_clock_was_set_back_jobs_do_not_wait_until_it_has_caught_up(live: Runner) -> None:
    count: list[int] = []

    def work(_: Progress) -> Outcome:
        count.append(1)
        return Outcome(1)

    scheduler = make_scheduler(live, [Job("apply", work, Schedule(seconds=1), quiet=True)])
    for job in scheduler.get_jobs():
        job.modify(next_run_time=utc_now() + timedelta(minutes=15))
    scheduler.start()
    plan_anew(scheduler)
    assert _until(lambda: bool(count))
    scheduler.shutdown()


def test_only_a_clock_that_was_set_back_is_noticed() -> None:
    told, counted = iter([1000, 1001, 2000, 1102, 1103]), iter([0, 1, 101, 102, 103])
    clock = WallClock(tells=lambda: next(told), counts=lambda: next(counted))
    assert [clock.was_set_back() for _ in range(4)] == [False, False, True, False]


def test_a_scheduler_picks_up_what_was_asked_for(live: Runner, engine: Engine) -> None:
    job = Job("nightly", lambda _: Outcome(1), Schedule(cron="0 3 * * *"))
    scheduler = make_scheduler(live, [job], look_every=0.05)
    scheduler.start()
    assert _until(lambda: [run.state for run in _runs(engine)] == ["done"])
    with writing(engine) as store:
        job_runs.request(store, "nightly", "selam", utc_now())
    assert _until(lambda: [run.state for run in _runs(engine)] == ["done", "done"])
    scheduler.shutdown()


def test_cancelled_is_no_failure_of_the_work(engine: Engine, runner: Runner) -> None:
    def work(_: Progress) -> Outcome:
        raise Cancelled

    runner.run_slot(_job(work))
    assert (_runs(engine)[0].state, _runs(engine)[0].failed) == ("cancelled", 0)
