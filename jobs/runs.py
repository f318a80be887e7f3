"""Each run of a job leaves a row: when, how long, how many, what failed."""

from __future__ import annotations

import logging
import socket
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine, delete
from sqlalchemy.orm import Session

from db.engine import writing
from db.models import JobRun, utc_now
from db.upsert import insert

log = logging.getLogger(__name__)

_QUIET_ROW_EVERY = 60.0


@dataclass(frozen=True)
class Outcome:
    """What a job did: how many things it worked on, and how many of them failed and why."""

    processed: int = 0
    failed: int = 0
    error: str | None = None


@dataclass(frozen=True)
class Job:
    """A job by its name. `quiet` ones run so often that only runs with something to tell leave a row."""

    name: str
    work: Callable[[], Outcome]
    seconds: float
    quiet: bool = False


def run_job(engine: Engine, job: Job, clock: Callable[[], datetime] = utc_now) -> Outcome | None:
    """Run `job` once and leave its row; None where another scheduler has this slot already."""
    started = clock()
    if job.quiet:
        return _run_quietly(engine, job, started, clock)
    run_id = _take_slot(engine, job, started, every=job.seconds)
    if run_id is None:
        return None
    outcome = _outcome(job)
    with writing(engine) as store:
        _finish(store.get_one(JobRun, run_id), outcome, clock())
    return outcome


def record_start(engine: Engine, now: datetime) -> None:
    """Leave a row that says the scheduler is up; a run's own slot may still belong to the one before."""
    with writing(engine) as store:
        store.add(
            JobRun(
                job="start", slot=now, host=socket.gethostname(), started_at=now, ended_at=now, state="done"
            )
        )


def slot_of(at: datetime, seconds: float) -> datetime:
    """The time at which the run was due: schedulers that fire in the same slot compete for one row."""
    return datetime.fromtimestamp(at.timestamp() // seconds * seconds, UTC)


def forget_runs(store: Session, before: datetime) -> int:
    """Delete the rows of runs that began before then."""
    return store.connection().execute(delete(JobRun).where(JobRun.started_at < before)).rowcount


def _run_quietly(engine: Engine, job: Job, started: datetime, clock: Callable[[], datetime]) -> Outcome:
    outcome = _outcome(job)
    if outcome.failed:
        # One row a minute says that it fails; a row for each run would bury the others.
        run_id = _take_slot(engine, job, started, every=_QUIET_ROW_EVERY)
        if run_id is not None:
            with writing(engine) as store:
                _finish(store.get_one(JobRun, run_id), outcome, clock())
    return outcome


def _take_slot(engine: Engine, job: Job, started: datetime, *, every: float) -> int | None:
    with writing(engine) as store:
        statement = insert(store, JobRun).values(
            job=job.name,
            slot=slot_of(started, every),
            host=socket.gethostname(),
            started_at=started,
            state="running",
            processed=0,
            failed=0,
        )
        return (
            store.connection()
            .execute(statement.on_conflict_do_nothing().returning(JobRun.id))
            .scalar_one_or_none()
        )


def _outcome(job: Job) -> Outcome:
    try:
        return job.work()
    except Exception as error:
        log.exception("job %s failed", job.name)
        reason = "".join(traceback.format_exception_only(error)).strip()
        return Outcome(failed=1, error=reason[:2000])


def _finish(run: JobRun, outcome: Outcome, now: datetime) -> None:
    run.ended_at = now
    run.state = "failed" if outcome.error and outcome.failed >= outcome.processed else "done"
    run.processed, run.failed, run.error = outcome.processed, outcome.failed, outcome.error
