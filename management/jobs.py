"""`manage.py run-job` and `list-jobs`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Engine

from db.engine import reading
from db.job_states import JobState, job_states
from db.models import JobRun, utc_now
from jobs.runs import Job, Progress, Runner
from jobs.work import all_jobs
from management.table import aligned
from ocpp_integration.backend import BackendClient
from ocpp_integration.backend_state import StoredState
from settings import ConfigurationError, Settings

Say = Callable[[str], None]
# By the end of the run. A cancelled one ends as a program that was interrupted does.
_EXIT_CODES = {"done": 0, "cancelled": 130}


def run_by_name(settings: Settings, engine: Engine, name: str, say: Say = print) -> int:
    """Run a job now, telling how far it has come; returns the exit code. Raises `AlreadyRunning`."""
    backend = BackendClient(settings, watcher=StoredState(engine))
    job = _find(all_jobs(settings, engine, backend), name)
    with Runner(engine) as runner:
        # At the next safe point, so that nothing is left half done.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: runner.stop())
        run = runner.run_by_hand(job, _telling(say))
    for line in outcome(run):
        say(line)
    return _EXIT_CODES.get(run.state, 1)


def outcome(run: JobRun) -> list[str]:
    """What became of a run, a line each."""
    took = (run.ended_at - run.started_at).total_seconds() if run.ended_at else 0
    told = [f"{run.job}: {run.state} in {took:.1f} s, {run.processed} processed, {run.failed} failed"]
    told += [f"  {text}" for text in (run.note, run.error, run.advice) if text]
    return told


def table(engine: Engine, now: datetime | None = None) -> str:
    """Every job with its last run and when the next is due."""
    moment = now or utc_now()
    with reading(engine) as store:
        states = job_states(store, moment)
    if not states:
        return "No scheduler was ever started here; start one with `python -m jobs`."
    rows: list[tuple[str, ...]] = [("job", "due", "last run (UTC)", "outcome", "next due (UTC)", "")]
    rows += [_row(state) for state in states]
    return "\n".join(aligned(rows))


def _row(state: JobState) -> tuple[str, ...]:
    last = state.last
    ran = f"{last.started_at:%Y-%m-%d %H:%M:%S}" if last else "all the time" if state.quiet else "never"
    figures = f"{last.state}, {last.processed} processed, {last.failed} failed" if last else ""
    due = f"{state.next_due:%Y-%m-%d %H:%M:%S}"
    now = "running" if state.running else "asked for" if state.requested else "LATE" if state.is_late else ""
    every = state.schedule if " " in state.schedule else f"every {state.schedule} s"
    return state.name, every, ran, figures, "" if state.quiet else due, now


def _find(jobs: Sequence[Job], name: str) -> Job:
    for job in jobs:
        if job.name == name:
            return job
    raise ConfigurationError(f"No job is called {name}; it is one of {', '.join(job.name for job in jobs)}.")


def _telling(say: Say) -> Progress:
    shown: list[int] = []

    def tell(done: int, total: int | None) -> None:
        # A line for each tenth; of work whose end nobody knows, for each step.
        step = done if total is None else done * 10 // max(total, 1)
        if shown[-1:] != [step] and total != 0:
            shown.append(step)
            say(f"  {done:,}" if total is None else f"  {done:,} of {total:,}")
            sys.stdout.flush()

    return tell
