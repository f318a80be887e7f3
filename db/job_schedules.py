"""What should run when, told by the schedulers so that other processes know what is late."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from db.models import JobPosition, JobSchedule
from db.upsert import insert
from schedule import Schedule

# Longer than it takes to replace a scheduler that died.
LATE_AFTER = timedelta(seconds=60)


def announce(store: Session, schedules: Mapping[str, Schedule], now: datetime) -> None:
    """Write what is to run; what is no longer among it is forgotten.

    A job that was due keeps its time: a scheduler that is started again and again runs nothing either.
    """
    store.execute(delete(JobSchedule).where(JobSchedule.job.not_in(schedules)))
    known = {row.job: row for row in store.scalars(select(JobSchedule))}
    for job, schedule in schedules.items():
        row = known.get(job)
        if row is None or (row.seconds, row.cron) != (schedule.seconds, schedule.cron):
            note_next(store, job, schedule, next_due=schedule.next_after(now), now=now)
        else:
            row.updated_at = now


def note_next(store: Session, job: str, schedule: Schedule, *, next_due: datetime, now: datetime) -> None:
    """The next run of the job should begin at `next_due`."""
    told = {"seconds": schedule.seconds, "cron": schedule.cron, "next_due": next_due, "updated_at": now}
    statement = insert(store, JobSchedule).values(job=job, **told)
    store.connection().execute(statement.on_conflict_do_update(index_elements=["job"], set_=told))


def expected(store: Session) -> list[JobSchedule]:
    """Every job that should run, by name."""
    return list(store.scalars(select(JobSchedule).order_by(JobSchedule.job)))


def is_late(row: JobSchedule, now: datetime) -> bool:
    """Whether the run that was due has not begun, though a scheduler had time enough to."""
    return now > row.next_due + LATE_AFTER


def position(store: Session, job: str) -> str | None:
    """How far the job has come through history."""
    return store.scalar(select(JobPosition.position).where(JobPosition.job == job))


def set_position(store: Session, job: str, position: str) -> None:
    statement = insert(store, JobPosition).values(job=job, position=position)
    store.connection().execute(
        statement.on_conflict_do_update(index_elements=["job"], set_={"position": position})
    )
