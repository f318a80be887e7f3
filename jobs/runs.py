"""Running jobs: each run is a row that this process holds, and beats for, until it is over."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from db import job_runs, job_schedules
from db.engine import reading, writing
from db.job_runs import Ending
from db.job_schedules import Expected
from db.models import JobRun, utc_now
from jobs.advice import advice_for, reason_of
from ocpp_integration.errors import BackendDown, IntegrationError
from ocpp_integration.lifecycle import EVENT_FAULTS
from schedule import Schedule

log = logging.getLogger(__name__)

_Thing = TypeVar("_Thing")

HEARTBEAT_TIMEOUT = timedelta(seconds=45)
# A holder misses this many before it is taken for dead.
_BEATS_PER_TIMEOUT = 4
_WRITE_PROGRESS_EVERY = 1.0
# A quiet job runs several times a second: rows of each run, or of each next run, would bury the others.
_QUIET_ROWS = Schedule(seconds=60)
_QUIET_NEXT = timedelta(seconds=30)
_QUIET_NEXT_EVERY = timedelta(seconds=10)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_NO_ROW = 0
_CUT_SHORT = "It was ended together with its process, in the middle of its work."
_ENDED = "The process that ran it was told to end."


class Cancelled(Exception):
    """The run is to end here: its process is asked to, or the run is no longer this process's."""


class AlreadyRunning(Exception):
    """The job is running, here or on another host."""


Progress = Callable[[int, int | None], None]


def unheard(_done: int, _total: int | None) -> None:
    """For work that nobody watches."""


@dataclass(frozen=True)
class Outcome:
    """What a job did: how many things it worked on, how many of them failed, why, and what to do about it.
    `note` tells more of what it did.
    """

    processed: int = 0
    failed: int = 0
    error: str | None = None
    advice: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class Job:
    """A job by its name, and what it is for. `work` gets a `Progress`, to be called wherever it may be
    cancelled. `quiet` ones run so often, and on every host, that they have no slots, and only a run that
    failed leaves a row.
    """

    name: str
    work: Callable[[Progress], Outcome]
    schedule: Schedule
    about: str = ""
    quiet: bool = False

    @property
    def expected(self) -> Expected:
        return Expected(self.name, self.schedule, self.about, self.quiet)


@dataclass(eq=False)
class Run:
    """A run under way in this process."""

    id: int
    engine: Engine
    told_to_stop: threading.Event
    on_progress: Progress = unheard
    is_lost: threading.Event = field(default_factory=threading.Event)
    _written_at: float = 0.0

    def progress(self, done: int, total: int | None) -> None:
        """Say how far it has come. Raises `Cancelled` where it should come no further."""
        self.on_progress(done, total)
        if self.told_to_stop.is_set() or self.is_lost.is_set():
            raise Cancelled
        if time.monotonic() - self._written_at < _WRITE_PROGRESS_EVERY:
            return
        self._written_at = time.monotonic()
        try:
            with writing(self.engine) as store:
                is_held = job_runs.note_progress(store, self.id, done, total)
        except OperationalError as error:
            # The work goes on: if it needs the store as well, it will find out by itself.
            log.warning("progress could not be noted: %s", error.orig)
            return
        if not is_held:
            raise Cancelled


class Runner:
    """Runs jobs in this process. As a context it beats for them; `stop` cancels them at their next point."""

    def __init__(
        self,
        engine: Engine,
        *,
        heartbeat_timeout: timedelta = HEARTBEAT_TIMEOUT,
        clock: Callable[[], datetime] = utc_now,
    ):
        self._engine = engine
        self._timeout = heartbeat_timeout
        self._clock = clock
        self._stop = threading.Event()
        self._no_more_beats = threading.Event()
        self._idle = threading.Condition()
        self._under_way: list[Run] = []
        self._quiet_told_at: dict[str, datetime] = {}
        self._quiet_failed: dict[str, tuple[datetime, str]] = {}
        self._heart = threading.Thread(target=self._beat_until_closed, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._heart.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._no_more_beats.set()
        self._heart.join()

    def run_slot(self, job: Job) -> Outcome | None:
        """Run what is due now; None where the slot is another's, or the job is still running."""
        if self._stop.is_set():
            return None
        now = self._clock()
        if job.quiet:
            return self._run_quietly(job, now)
        with writing(self._engine) as store:
            run_id = job_runs.begin(store, job.name, job.schedule.slot_of(now), now=now)
            if run_id is not None:
                _note_next(store, job, now)
        return None if run_id is None else self.carry_out(job, run_id)

    def run_by_hand(self, job: Job, on_progress: Progress = unheard) -> JobRun:
        """Run the job now, whatever is due; returns its row. Raises `AlreadyRunning`."""
        now = self._clock()
        with writing(self._engine) as store:
            run_id = job_runs.begin(store, job.name, now, trigger="hand", now=now)
            holder = job_runs.running(store, job.name)
        if run_id is None:
            where = f" on {holder.host} since {holder.started_at:%Y-%m-%d %H:%M:%S} UTC" if holder else ""
            raise AlreadyRunning(f"{job.name} is running already{where}; wait until it is over.")
        self.carry_out(job, run_id, on_progress)
        with reading(self._engine) as store:
            return store.get_one(JobRun, run_id)

    def look(self, jobs: Collection[Job]) -> list[tuple[Job, int]]:
        """Give up runs whose process is dead and claim what waits: jobs to `carry_out`, each with its run."""
        if self._stop.is_set():
            return []
        by_name = {job.name: job for job in jobs}
        with reading(self._engine) as store:
            if not job_runs.anything_to_do(store, self._timeout):
                return []
        now = self._clock()
        with writing(self._engine) as store:
            for run in job_runs.lose_dead(store, self._timeout, now):
                log.warning("run %d of %s is lost: %s", run.id, run.job, run.error)
            claimed = job_runs.claim_requested(store, by_name, now)
            return [(by_name[run.job], run.id) for run in claimed]

    def carry_out(self, job: Job, run_id: int, on_progress: Progress = unheard) -> Outcome:
        """Do the work of a run that this process holds, and write what became of it."""
        with self._busy(Run(run_id, self._engine, self._stop, on_progress)) as run:
            outcome, ending = _work(job, run.progress)
            now = self._clock()
            with writing(self._engine) as store:
                if not job_runs.finish(store, run_id, ending, now):
                    log.warning(
                        "run %d of %s was taken over meanwhile; its end is not noted", run_id, job.name
                    )
                _note_next(store, job, now)
        return outcome

    def stop(self) -> None:
        """Have every run end at its next safe point, and begin none."""
        self._stop.set()

    def wait(self, seconds: float) -> bool:
        """Whether all runs are over within so many seconds. Those that are not are given up: their work
        will be cut short with the process.
        """
        with self._idle:
            if self._idle.wait_for(lambda: not self._under_way, seconds):
                return True
            left = [run.id for run in self._under_way if run.id]
        try:
            with writing(self._engine) as store:
                for run_id in left:
                    job_runs.finish(store, run_id, Ending("cancelled", error=_CUT_SHORT), self._clock())
        except SQLAlchemyError as error:
            # Others will find that nobody beats for them.
            log.warning("runs that were cut short could not be noted: %s", error)
        return False

    def _run_quietly(self, job: Job, now: datetime) -> Outcome:
        def progress(_done: int, _total: int | None) -> None:
            if self._stop.is_set():
                raise Cancelled
            self._note_quiet(job)

        with self._busy(Run(_NO_ROW, self._engine, self._stop)):
            outcome, ending = _work(job, progress, lambda error: self._tell_once_a_minute(job, error, now))
        if outcome.failed:
            self._note_quiet_failure(job, ending, now)
        self._note_quiet(job)
        return outcome

    def _tell_once_a_minute(self, job: Job, error: Exception, now: datetime) -> None:
        """A full disk must not be filled further, by the same traceback several times a second."""
        failure = _QUIET_ROWS.slot_of(now), _reason(error)
        if self._quiet_failed.get(job.name) != failure:
            self._quiet_failed[job.name] = failure
            _tell(job, error)

    def _note_quiet_failure(self, job: Job, ending: Ending, now: datetime) -> None:
        """One row a minute says that it fails, where the store takes it: that may be what fails."""
        try:
            with writing(self._engine) as store:
                job_runs.record_ended(store, job.name, _QUIET_ROWS.slot_of(now), ending, now)
        except OperationalError as error:
            log.warning("that %s failed could not be noted: %s", job.name, error.orig)

    def _note_quiet(self, job: Job) -> None:
        """Say that a quiet job goes on, every few seconds: it is not late while it works off a lot."""
        now = self._clock()
        if now - self._quiet_told_at.get(job.name, _LONG_AGO) <= _QUIET_NEXT_EVERY:
            return
        self._quiet_told_at[job.name] = now
        try:
            with writing(self._engine) as store:
                job_schedules.note_next(store, job.expected, next_due=now + _QUIET_NEXT, now=now)
        except OperationalError as error:
            log.warning("that %s goes on could not be noted: %s", job.name, error.orig)

    @contextmanager
    def _busy(self, run: Run) -> Iterator[Run]:
        with self._idle:
            self._under_way.append(run)
        try:
            yield run
        finally:
            with self._idle:
                self._under_way.remove(run)
                self._idle.notify_all()

    def _beat_until_closed(self) -> None:
        while not self._no_more_beats.wait(self._timeout.total_seconds() / _BEATS_PER_TIMEOUT):
            with self._idle:
                held = [run for run in self._under_way if run.id]
            if not held:
                continue
            try:
                with writing(self._engine) as store:
                    alive = job_runs.beat(store, [run.id for run in held])
            except SQLAlchemyError as error:
                log.warning("the store took no heartbeat: %s", error)
                continue
            for run in held:
                if run.id not in alive:
                    run.is_lost.set()


def each(things: Sequence[_Thing], work: Callable[[_Thing], object], progress: Progress) -> Outcome:
    """Work on each; a failure does not stop the others, but where the backend is down none is tried.

    A fault of the store as a whole raises.
    """
    failures: list[tuple[_Thing, Exception]] = []
    for position, thing in enumerate(things):
        progress(position, len(things))
        try:
            work(thing)
        except BackendDown as error:
            failed = len(failures) + len(things) - position
            return Outcome(len(things), failed, str(error), advice_for(error))
        except IntegrationError as error:
            failures.append((thing, error))
        except EVENT_FAULTS as error:
            log.exception("%s failed", thing)
            failures.append((thing, error))
    progress(len(things), len(things))
    if not failures:
        return Outcome(len(things))
    told = "; ".join(f"{thing}: {_reason(error)}" for thing, error in failures[:5])
    return Outcome(len(things), len(failures), told, advice_for(failures[0][1]))


def _reason(error: Exception) -> str:
    # The statement that the store refused tells nobody more than the log does.
    return str(error.orig) if isinstance(error, DBAPIError) else str(error)


def _tell(job: Job, error: Exception) -> None:
    log.error("job %s failed", job.name, exc_info=error)


def _work(
    job: Job, progress: Progress, tell: Callable[[Exception], None] | None = None
) -> tuple[Outcome, Ending]:
    try:
        outcome = job.work(progress)
    except Cancelled:
        return Outcome(), Ending("cancelled", error=_ENDED)
    except Exception as error:  # noqa: BLE001 - the boundary of a job
        tell(error) if tell else _tell(job, error)
        outcome = Outcome(failed=1, error=reason_of(error), advice=advice_for(error))
    state = "failed" if outcome.error and outcome.failed >= outcome.processed else "done"
    return outcome, Ending(
        state, outcome.processed, outcome.failed, outcome.error, outcome.advice, outcome.note
    )


def _note_next(store: Session, job: Job, now: datetime) -> None:
    job_schedules.note_next(store, job.expected, next_due=job.schedule.next_after(now), now=now)
