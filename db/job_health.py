"""Whether the jobs run when they should, read off the rows that their runs leave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.models import JobRun
from settings import Settings

# A job may miss a run or two, to a long run before or a restart, and is not late yet.
_MISSED_RUNS = 3
_GRACE = timedelta(minutes=1)
_LATELY = timedelta(days=1)


@dataclass(frozen=True)
class LateJob:
    """A job that should have begun a run; `last` is when it last did, None where it never has."""

    name: str
    last: datetime | None


@dataclass(frozen=True)
class JobState:
    """A job's last success, how long that took, and how many of its runs failed in the last day."""

    name: str
    succeeded_at: datetime | None
    took: timedelta | None
    failed_lately: int


def expected_jobs(settings: Settings) -> dict[str, timedelta]:
    """The interval of each job whose every run leaves a row. Applying leaves none: see `db.backlog`."""
    return {
        "sync": timedelta(seconds=settings.sync_interval),
        "poll": timedelta(seconds=settings.poll_interval),
        "rollup": timedelta(seconds=settings.rollup_interval),
    }


def late_jobs(store: Session, now: datetime, expected: Mapping[str, timedelta]) -> list[LateJob]:
    """The jobs of `expected` (name to interval) that have begun no run for too long."""
    last = {name: _last_begun(store, name) for name in expected}
    return [
        LateJob(name, last[name])
        for name, interval in expected.items()
        if (begun := last[name]) is None or now - begun > _MISSED_RUNS * interval + _GRACE
    ]


def job_states(store: Session, now: datetime, names: Iterable[str]) -> list[JobState]:
    return [_state(store, now, name) for name in names]


def _last_begun(store: Session, name: str) -> datetime | None:
    return store.scalar(
        select(JobRun.started_at).where(JobRun.job == name).order_by(JobRun.started_at.desc()).limit(1)
    )


def _state(store: Session, now: datetime, name: str) -> JobState:
    succeeded = store.execute(
        select(JobRun.started_at, JobRun.ended_at)
        .where(JobRun.job == name, JobRun.state == "done")
        .order_by(JobRun.started_at.desc())
        .limit(1)
    ).one_or_none()
    failed = store.scalar(
        select(func.count())
        .select_from(JobRun)
        .where(JobRun.job == name, JobRun.state == "failed", JobRun.started_at > now - _LATELY)
    )
    if succeeded is None or succeeded.ended_at is None:
        return JobState(name, None, None, failed or 0)
    return JobState(name, succeeded.ended_at, succeeded.ended_at - succeeded.started_at, failed or 0)
