"""How the jobs do: for the command line and the Jobs page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from db import job_runs, job_schedules
from db.models import JobRun, JobSchedule
from schedule import Schedule

# Among so many of a job's newest runs are its last one that ended, and those under way or asked for.
_ENOUGH = 5
# A quiet job leaves a row a minute while it fails, and none when it is well again.
_FAILS_STILL = timedelta(minutes=2)


@dataclass(frozen=True)
class JobState:
    """A job, its newest run that is over, the one under way and the one that was asked for."""

    name: str
    about: str
    schedule: str
    quiet: bool
    next_due: datetime
    is_late: bool
    last: JobRun | None
    running: JobRun | None
    requested: JobRun | None


def job_states(store: Session, now: datetime) -> list[JobState]:
    """Every job that should run, by name; none before a scheduler was ever started."""
    late = {row.job for row in job_schedules.late(store, now)}
    return [_state(store, row, now, is_late=row.job in late) for row in job_schedules.expected(store)]


def history(store: Session, job: str, limit: int) -> Sequence[JobRun]:
    """The job's runs, the newest first."""
    return job_runs.newest(store, job, limit=limit)


def _state(store: Session, row: JobSchedule, now: datetime, *, is_late: bool) -> JobState:
    runs = job_runs.newest(store, row.job, limit=_ENOUGH)
    if row.quiet:
        runs = [run for run in runs if run.started_at > now - _FAILS_STILL]
    return JobState(
        name=row.job,
        about=row.about,
        schedule=str(Schedule(row.seconds, row.cron)),
        quiet=row.quiet,
        next_due=row.next_due,
        is_late=is_late,
        last=next((run for run in runs if run.ended_at is not None), None),
        running=_first(runs, "running"),
        requested=_first(runs, "requested"),
    )


def _first(runs: Sequence[JobRun], state: str) -> JobRun | None:
    return next((run for run in runs if run.state == state), None)
