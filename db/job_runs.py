"""The rows of job runs: who holds which, who asked for one, what became of it.

A run is held by the process that made its row `running`, as long as it beats for it. Of one job only one
row is running (a unique index), and each change of it asks that it still is: a process that was taken
for dead finds out, and changes nothing.
"""

from __future__ import annotations

import socket
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, exists, func, literal_column, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from db.columns import UTCDateTime
from db.models import JobRun, utc_now
from db.upsert import insert

MAX_ATTEMPTS = 3
# Literals, not parameters: only so does a database know that the index over these few rows will do.
_RUNNING = JobRun.state == literal_column("'running'")
_REQUESTED = JobRun.state == literal_column("'requested'")
_HOST_GONE = "The process that ran it, on {host}, stopped without a word: it was killed, or its host is gone."
_HOST_GONE_ADVICE = (
    "Nothing, if it happens once: the slot was run again. If it happens often, see whether that host ran "
    "out of memory."
)


@dataclass(frozen=True)
class Ending:
    """What becomes of a run: its figures, what it did, why it failed and what to do about it."""

    state: str
    processed: int = 0
    failed: int = 0
    error: str | None = None
    advice: str | None = None
    note: str | None = None


def store_time(store: Session) -> datetime:
    """Now, by the clock that all processes on this store share: heartbeats are compared across hosts."""
    if store.get_bind().dialect.name == "postgresql":
        return store.scalars(select(func.clock_timestamp(type_=UTCDateTime()))).one()
    return utc_now()


def begin(
    store: Session, job: str, slot: datetime, *, trigger: str = "schedule", now: datetime
) -> int | None:
    """A running row of this job and slot; None where the slot was taken before, or the job is running."""
    row = _values(job, slot, trigger, now) | {"state": "running", "heartbeat_at": store_time(store)}
    return _insert(store, row)


def record_ended(store: Session, job: str, slot: datetime, ending: Ending, now: datetime) -> None:
    """A row of a run that is over; nothing where the slot has one."""
    row = _values(job, slot, "schedule", now)
    _insert(store, row | {"ended_at": now, **_columns(ending)})


def request(store: Session, job: str, requested_by: str, now: datetime) -> bool:
    """Ask the schedulers for a run; False where one has been asked for already and has not begun."""
    row = _values(job, now, "request", now) | {"state": "requested", "requested_by": requested_by, "host": ""}
    return _insert(store, row) is not None


def claim_requested(store: Session, jobs: Collection[str], now: datetime) -> list[JobRun]:
    """Make this process the holder of what was asked for and may run now."""
    other = aliased(JobRun)
    is_running = exists().where(other.job == JobRun.job, other.state == "running")
    asked = store.execute(select(JobRun.id).where(_REQUESTED, JobRun.job.in_(jobs), ~is_running))
    return [run for (run_id,) in asked.all() if (run := _claim(store, run_id, now)) is not None]


def _claim(store: Session, run_id: int, now: datetime) -> JobRun | None:
    claimed = {
        "state": "running",
        "host": socket.gethostname(),
        "started_at": now,
        "heartbeat_at": store_time(store),
    }
    try:
        with store.begin_nested():
            taken = store.execute(
                update(JobRun)
                .where(JobRun.id == run_id, JobRun.state == "requested")
                .values(claimed)
                .returning(JobRun.id)
            ).scalar_one_or_none()
    except IntegrityError:
        # Another run of the job began in between: the request waits for its end.
        return None
    return None if taken is None else store.get_one(JobRun, run_id, populate_existing=True)


def beat(store: Session, run_ids: Collection[int]) -> set[int]:
    """Say that their process lives; returns those that are still its own."""
    statement = (
        update(JobRun)
        .where(JobRun.id.in_(run_ids), JobRun.state == "running")
        .values(heartbeat_at=store_time(store))
        .returning(JobRun.id)
    )
    return set(store.scalars(statement))


def note_progress(store: Session, run_id: int, done: int, total: int | None) -> bool:
    """How far the run has come, which is a heartbeat too; False where it is no longer this process's."""
    values = {"done": done, "total": total, "heartbeat_at": store_time(store)}
    return _change_running(store, run_id, values)


def finish(store: Session, run_id: int, ending: Ending, now: datetime) -> bool:
    """The run is over; False where it is no longer this process's. What was cancelled is run again."""
    if not _change_running(store, run_id, {"ended_at": now, **_columns(ending)}):
        return False
    if ending.state == "cancelled":
        _ask_again(store, store.get_one(JobRun, run_id), now)
    return True


def anything_to_do(store: Session, timeout: timedelta) -> bool:
    """Whether `lose_dead` or `claim_requested` may find something; a read, so that it can be asked often."""
    dead = select(JobRun.id).where(_is_dead(store, timeout)).limit(1)
    asked = select(JobRun.id).where(_REQUESTED).limit(1)
    return store.scalar(dead) is not None or store.scalar(asked) is not None


def _is_dead(store: Session, timeout: timedelta) -> ColumnElement[bool]:
    beaten = func.coalesce(JobRun.heartbeat_at, JobRun.started_at, type_=UTCDateTime())
    now = store_time(store)
    # Nobody who lives beats in the future for long: the clock was ahead, and has been set back since.
    return and_(_RUNNING, or_(beaten < now - timeout, beaten > now + timeout))


def lose_dead(store: Session, timeout: timedelta, now: datetime) -> list[JobRun]:
    """Mark runs as lost for which nobody beats any more, and ask for another attempt at their slots."""
    dead = store.scalars(
        select(JobRun).where(_is_dead(store, timeout)).with_for_update(skip_locked=True)
    ).all()
    for run in dead:
        run.state, run.ended_at, run.advice = "lost", now, _HOST_GONE_ADVICE
        run.error = _HOST_GONE.format(host=run.host or "an unknown host")
    store.flush()
    for run in dead:
        _ask_again(store, run, now)
    return list(dead)


def _ask_again(store: Session, run: JobRun, now: datetime) -> None:
    # Who runs a job by hand sees how it ends. And a run that kills its process may not go on for ever.
    if run.trigger != "hand" and run.attempt < MAX_ATTEMPTS:
        again = _values(run.job, run.slot, run.trigger, now)
        again |= {"state": "requested", "attempt": run.attempt + 1, "requested_by": run.requested_by}
        _insert(store, again)


def running(store: Session, job: str) -> JobRun | None:
    return store.scalar(select(JobRun).where(JobRun.job == job, _RUNNING))


def held(store: Session, timeout: timedelta) -> set[str]:
    """The jobs that a living process runs now: one that beat within `timeout`."""
    return set(store.scalars(select(JobRun.job).where(_RUNNING, ~_is_dead(store, timeout))))


def newest(store: Session, job: str, *, limit: int = 1) -> Sequence[JobRun]:
    """The job's runs, the newest first; one that was only asked for is among them."""
    query = select(JobRun).where(JobRun.job == job).order_by(JobRun.started_at.desc(), JobRun.id.desc())
    return store.scalars(query.limit(limit)).all()


def prune(store: Session, before: datetime, limit: int) -> int:
    """Delete up to `limit` runs that ended before then, but never a job's newest: it tells its last slot."""
    newer = aliased(JobRun)
    # Ids grow with time: where the oldest are too new, none is looked at further.
    oldest = select(JobRun.id).order_by(JobRun.id).limit(limit).scalar_subquery()
    is_not_its_newest = exists().where(newer.job == JobRun.job, newer.started_at > JobRun.started_at)
    old = select(JobRun.id).where(JobRun.id.in_(oldest), JobRun.ended_at < before, is_not_its_newest)
    return store.connection().execute(delete(JobRun).where(JobRun.id.in_(old))).rowcount


def _values(job: str, slot: datetime, trigger: str, now: datetime) -> dict[str, object]:
    return {
        "job": job,
        "slot": slot,
        "attempt": 1,
        "trigger": trigger,
        "host": socket.gethostname(),
        "started_at": now,
        "processed": 0,
        "failed": 0,
    }


def _columns(ending: Ending) -> dict[str, object]:
    return {
        "state": ending.state,
        "processed": ending.processed,
        "failed": ending.failed,
        "error": ending.error,
        "advice": ending.advice,
        "note": ending.note,
    }


def _insert(store: Session, row: dict[str, object]) -> int | None:
    statement = insert(store, JobRun).values(row).on_conflict_do_nothing().returning(JobRun.id)
    return store.connection().execute(statement).scalar_one_or_none()


def _change_running(store: Session, run_id: int, values: Mapping[str, object]) -> bool:
    statement = update(JobRun).where(JobRun.id == run_id, JobRun.state == "running").values(values)
    return store.connection().execute(statement).rowcount == 1
