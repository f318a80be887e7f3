"""Whether the jobs run when they should, and how they did: for readiness and metrics."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db import job_schedules
from db.models import JobRun, JobSchedule

_LATELY = timedelta(days=1)


@dataclass(frozen=True)
class JobHealth:
    """When a job should run next, whether it is late, its last success, how long that took, and how many of
    its runs failed in the last day.
    """

    name: str
    next_due: datetime
    is_late: bool
    succeeded_at: datetime | None
    took: timedelta | None
    failed_lately: int


def late_jobs(store: Session, now: datetime) -> list[JobSchedule] | None:
    """The jobs whose run was due and has not begun; None where no scheduler was ever started."""
    return job_schedules.late(store, now) if job_schedules.expected(store) else None


def health_of_jobs(store: Session, now: datetime) -> list[JobHealth]:
    """Of every job that should run, by name. Applying leaves a row only where something failed."""
    late = {row.job for row in job_schedules.late(store, now)}
    return [_health(store, now, row, is_late=row.job in late) for row in job_schedules.expected(store)]


def _health(store: Session, now: datetime, row: JobSchedule, *, is_late: bool) -> JobHealth:
    succeeded = store.execute(
        select(JobRun.started_at, JobRun.ended_at)
        .where(JobRun.job == row.job, JobRun.state == "done", JobRun.ended_at.is_not(None))
        .order_by(JobRun.started_at.desc())
        .limit(1)
    ).one_or_none()
    failed = store.scalar(
        select(func.count())
        .select_from(JobRun)
        .where(JobRun.job == row.job, JobRun.state == "failed", JobRun.started_at > now - _LATELY)
    )
    return JobHealth(
        row.job,
        row.next_due,
        is_late,
        succeeded.ended_at if succeeded else None,
        succeeded.ended_at - succeeded.started_at if succeeded else None,
        failed or 0,
    )
