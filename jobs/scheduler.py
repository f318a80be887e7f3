"""APScheduler with our jobs. Its own store is memory: what ran when stands in the `job_runs` table."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from sqlalchemy import Engine

from db import job_schedules
from db.engine import writing
from db.models import utc_now
from jobs.runs import Job, Runner
from schedule import Schedule

LOOK_EVERY = 1.0
# A clock that is adjusted smoothly moves by less between two looks.
_SET_BACK_SECONDS = 2.0


class SlotTrigger(BaseTrigger):  # type: ignore[misc]
    """Fires at the beginning of each slot: on all hosts at the same time, so that each slot has its run."""

    def __init__(self, schedule: Schedule):
        self._schedule = schedule

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime:
        return self._schedule.next_after(now.astimezone(UTC))


class WallClock:
    """Notices that the wall clock was set back, by a clock that only counts."""

    def __init__(
        self, *, tells: Callable[[], float] = time.time, counts: Callable[[], float] = time.monotonic
    ):
        self._tells, self._counts = tells, counts
        self._ahead = tells() - counts()

    def was_set_back(self) -> bool:
        """Since the last look."""
        before, self._ahead = self._ahead, self._tells() - self._counts()
        return self._ahead < before - _SET_BACK_SECONDS


def plan_anew(scheduler: BackgroundScheduler) -> None:
    """Have what was planned by a clock that was ahead not wait until the right time has caught up with it."""
    for job in scheduler.get_jobs():
        # One that was to run once may have ended meanwhile.
        with suppress(JobLookupError):
            job.modify(next_run_time=utc_now())


def make_scheduler(
    runner: Runner, jobs: Sequence[Job], *, look_every: float = LOOK_EVERY
) -> BackgroundScheduler:
    """A scheduler that runs each job when it is due, and at once what was due while nobody ran."""
    scheduler = BackgroundScheduler(
        timezone="UTC",
        # A run of each job, one that was asked for of each, and the look.
        executors={"default": ThreadPoolExecutor(2 * len(jobs) + 1)},
        job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None},
    )

    def look() -> None:
        for job, run_id in runner.look([job for job in jobs if not job.quiet]):
            scheduler.add_job(carry_out, args=(job, run_id))

    def carry_out(job: Job, run_id: int) -> None:
        runner.carry_out(job, run_id)
        look()

    def run_slot(job: Job) -> None:
        # What was asked for waits for the end of the run under way, and must not miss it.
        if runner.run_slot(job) is not None and not job.quiet:
            look()

    for job in jobs:
        scheduler.add_job(run_slot, SlotTrigger(job.schedule), (job,), id=job.name, next_run_time=utc_now())
    scheduler.add_job(look, "interval", seconds=look_every, id="look", next_run_time=utc_now())
    return scheduler


def announce(engine: Engine, jobs: Sequence[Job]) -> None:
    """Let other processes know what should run when."""
    with writing(engine) as store:
        job_schedules.announce(store, [job.expected for job in jobs], utc_now())
