"""What should run when, told by the schedulers so that other processes know what is late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from db import job_runs
from db.models import JobPosition, JobSchedule
from db.upsert import insert
from schedule import Schedule

# Longer than it takes to replace a scheduler that died.
LATE_AFTER = timedelta(seconds=60)


@dataclass(frozen=True)
class Expected:
    """A job that should run."""

    name: str
    schedule: Schedule
    about: str = ""
    quiet: bool = False


def announce(store: Session, jobs: Sequence[Expected], now: datetime) -> None:
    """Write what is to run; what is no longer among it is forgotten.

    A job that was due keeps its time: a scheduler that is started again and again runs nothing either.
    """
    store.execute(delete(JobSchedule).where(JobSchedule.job.not_in([job.name for job in jobs])))
    known = {row.job: row for row in store.scalars(select(JobSchedule))}
    for job in jobs:
        row = known.get(job.name)
        is_same = row is not None and (row.seconds, row.cron) == (job.schedule.seconds, job.schedule.cron)
        note_next(
            store, job, next_due=row.next_due if row and is_same else job.schedule.next_after(now), now=now
        )


def note_next(store: Session, job: Expected, *, next_due: datetime, now: datetime) -> None:
    """The next run of the job should begin at `next_due`."""
    told = {
        "about": job.about,
        "seconds": job.schedule.seconds,
        "cron": job.schedule.cron,
        "quiet": job.quiet,
        "next_due": next_due,
        "updated_at": now,
    }
    statement = insert(store, JobSchedule).values(job=job.name, **told)
    store.connection().execute(statement.on_conflict_do_update(index_elements=["job"], set_=told))


def expected(store: Session) -> list[JobSchedule]:
    """Every job that should run, by name."""
    return list(store.scalars(select(JobSchedule).order_by(JobSchedule.job)))


def late(store: Session, now: datetime) -> list[JobSchedule]:
    """The jobs whose run was due and has not begun, though a scheduler had time enough to, by name.

    A job that is running is not late, however long that takes, as long as somebody beats for it.
    """
    overdue = select(JobSchedule).where(JobSchedule.next_due < now - LATE_AFTER).order_by(JobSchedule.job)
    found = store.scalars(overdue).all()
    held = job_runs.held(store, LATE_AFTER) if found else set()
    return [row for row in found if row.job not in held]


def position(store: Session, job: str) -> str | None:
    """How far the job has come through history."""
    return store.scalar(select(JobPosition.position).where(JobPosition.job == job))


def set_position(store: Session, job: str, position: str) -> None:
    statement = insert(store, JobPosition).values(job=job, position=position)
    store.connection().execute(
        statement.on_conflict_do_update(index_elements=["job"], set_={"position": position})
    )
