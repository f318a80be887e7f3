"""The jobs that look after the store: what silence means, statistics that are right, old rows."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from db import job_runs, job_schedules, packed, partitions, planner, retention, rollups
from db.engine import reading, reading_a_moment, writing
from db.retries import is_busy
from jobs.advice import advice_for
from jobs.runs import Outcome, Progress, each, unheard
from ocpp_integration import polling, silence
from ocpp_integration.backend import BackendClient
from ocpp_integration.errors import BackendError
from settings import Settings

log = logging.getLogger(__name__)

ROWS_PER_STEP = 1000
SESSIONS_PER_STEP = 20
# Between two steps others get their turn to write. One who waits for SQLite tries again each tenth of a
# second: in a shorter pause than that, it might never find the store free.
PAUSE = 0.12
SECONDS_PER_RUN = 120.0
# What was received is applied by then, unless no job ran.
APPLIED_WITHIN = timedelta(days=1)
_MENDED = (
    "Nothing: they are right now. If it happens again, please report it: sums and rows are changed together."
)

Clock = Callable[[], datetime]


def mark_silent_stations(
    engine: Engine,
    backend: BackendClient,
    clock: Clock,
    offline_after: timedelta,
    progress: Progress = unheard,
) -> Outcome:
    """Stations from which nothing came for too long are offline since then; those that are back are online.

    Nobody is marked while the backend is down, or no webhooks come in: that silence is not the stations'.
    """
    try:
        told = silence.ask_presence(backend)
    except BackendError as error:
        return Outcome(1, 1, f"Who is there could not be asked: {error}", advice_for(error))
    now = clock()
    with reading(engine) as store:
        events = silence.corrections(store, told, now, offline_after)
    return each(events, lambda event: silence.correct(engine, event, now), progress)


def close_stuck_sessions(
    engine: Engine,
    backend: BackendClient,
    clock: Clock,
    stuck_after: timedelta,
    progress: Progress = unheard,
) -> Outcome:
    """End sessions that are silent for `stuck_after`, if the backend has nothing new of them either."""
    since = clock() - stuck_after
    with reading(engine) as store:
        stuck = silence.stuck_sessions(store, since)

    def close(transaction_id: int) -> None:
        polling.take_news(engine, backend, transaction_id, now=clock())
        if silence.close_stuck(engine, transaction_id, since, clock()):
            log.warning("session %d was stuck and ends as estimated", transaction_id)

    return each(stuck, close, progress)


def check_rollups(engine: Engine, clock: Clock, zone: ZoneInfo, progress: Progress = unheard) -> Outcome:
    """Compare this month's statistics, and those of one older month, with the rows they sum; add what is
    missing where they differ. Run after run all of history has its turn, from the newest month to the oldest.

    At the turn of a month the one before is compared too: its last sessions may have been told late.
    """
    tomorrow = clock().astimezone(zone).date() + timedelta(days=1)
    yesterday = tomorrow - timedelta(days=2)
    progress(0, 2)
    checked, differing = _check_months(engine, yesterday, tomorrow)
    progress(1, 2)
    if older := _older_month(engine, yesterday):
        more, wrong = _check_months(engine, older, older)
        checked, differing = checked + more, differing + wrong
        with writing(engine) as store:
            job_schedules.set_position(store, "rollup", older.isoformat())
    progress(2, 2)
    if differing:
        return Outcome(checked, differing, f"{differing} statistics differed and were set right", _MENDED)
    return Outcome(checked)


def pack_days(
    engine: Engine, clock: Clock, progress: Progress = unheard, *, seconds: float = SECONDS_PER_RUN
) -> Outcome:
    """Pack the columns of sessions of days that are over, for at most so many seconds, the newest first."""
    deadline = time.monotonic() + seconds
    with reading(engine) as store:
        due = packed.due(store, clock().date())
    done = 0
    for done, day in enumerate(due, start=1):
        with writing(engine) as store:
            packed.pack(store, day)
        progress(done, len(due))
        if time.monotonic() > deadline:
            break
        time.sleep(PAUSE)
    return Outcome(done)


def _check_months(engine: Engine, first: date, last: date) -> tuple[int, int]:
    """How many sums the months have, and how many of them were wrong."""
    is_mended = False
    while not is_mended:
        with reading_a_moment(engine) as store:
            found = rollups.compared(store, first, last)
        if not found.missing:
            return found.checked, 0
        with writing(engine) as store:
            is_mended = rollups.mend(store, found)
    log.warning("%d statistics of %s to %s differed from their rows", len(found.missing), first, last)
    return found.checked, len(found.missing)


def _older_month(engine: Engine, newest: date) -> date | None:
    """The month to be looked at after the one before, None where all history is this month's."""
    with reading(engine) as store:
        told, oldest = job_schedules.position(store, "rollup"), rollups.oldest_month(store)
    if oldest is None or oldest >= newest.replace(day=1):
        return None
    before = date.fromisoformat(told) if told else newest
    month = (before.replace(day=1) - timedelta(days=1)).replace(day=1)
    return month if month >= oldest else (newest.replace(day=1) - timedelta(days=1)).replace(day=1)


@dataclass(frozen=True)
class Retention:
    """How many days what is kept; 0 is for ever."""

    webhooks: int
    logs: int
    meter_values: int
    job_runs: int
    sign_ins: int

    @classmethod
    def of(cls, settings: Settings) -> Retention:
        return cls(
            settings.webhook_retention_days,
            settings.log_retention_days,
            settings.meter_value_retention_days,
            settings.job_run_retention_days,
            settings.sign_in_retention_days,
        )


def tidy_up(engine: Engine, clock: Clock, kept: Retention, progress: Progress = unheard) -> Outcome:
    """Delete what is old, and let the store's planner know what there is then."""
    outcome = forget_old_rows(engine, clock, kept, progress)
    with writing(engine) as store:
        planner.count_rows(store)
    return outcome


def forget_old_rows(
    engine: Engine,
    clock: Clock,
    kept: Retention,
    progress: Progress = unheard,
    *,
    seconds: float = SECONDS_PER_RUN,
) -> Outcome:
    """Delete what is older than its setting says, for at most so many seconds; the next run goes on."""
    deadline = time.monotonic() + seconds
    counts: dict[str, int] = {}
    if kept.meter_values and (dropped := _drop_months(engine, clock() - timedelta(days=kept.meter_values))):
        counts["months of meter values"] = len(dropped)
    for subject, step in _steps(clock(), kept):
        while deleted := _one_step(engine, step):
            counts[subject] = counts.get(subject, 0) + deleted.rows
            progress(sum(counts.values()), None)
            if time.monotonic() > deadline:
                return _told(counts, is_complete=False)
            time.sleep(PAUSE)
    return _told(counts, is_complete=True)


def _drop_months(engine: Engine, before: datetime) -> list[str]:
    """Whole months of PostgreSQL go at once; while their table is in use they wait for the next run."""
    try:
        return partitions.drop_before(engine, before)
    except OperationalError as error:
        if not is_busy(error):
            raise
        log.warning("old months of meter values were not dropped: %s", error.orig)
        return []


@dataclass(frozen=True)
class _Deleted:
    """What a step did. One without rows may be followed by one with."""

    rows: int


_Step = Callable[[Session], _Deleted | None]


def _one_step(engine: Engine, step: _Step) -> _Deleted | None:
    with writing(engine) as store:
        return step(store)


def _steps(now: datetime, kept: Retention) -> Iterator[tuple[str, _Step]]:
    """Each subject with a step that deletes some of it, and answers None once there is no more."""
    for subject, days, prune in (
        ("bodies of webhooks", kept.webhooks, retention.prune_webhooks),
        ("log lines", kept.logs, retention.prune_logs),
        ("job runs", kept.job_runs, job_runs.prune),
        ("failed sign-ins", kept.sign_ins, retention.prune_sign_in_failures),
    ):
        if days:
            yield subject, _pruning(prune, now - timedelta(days=days))
    yield "expired sign-ins", _pruning(retention.prune_sign_ins, now)
    if kept.meter_values:
        before = now - timedelta(days=kept.meter_values)
        yield "late meter values", _pruning_late_meter_values(before, now)
        yield "meter values", _pruning_meter_values(before)


def _pruning(prune: Callable[[Session, datetime, int], int], before: datetime) -> _Step:
    def step(store: Session) -> _Deleted | None:
        rows = prune(store, before, ROWS_PER_STEP)
        return _Deleted(rows) if rows else None

    return step


def _pruning_meter_values(before: datetime) -> _Step:
    def step(store: Session) -> _Deleted | None:
        told = job_schedules.position(store, "retention")
        after = datetime.fromisoformat(told) if told else None
        rows, last = retention.prune_meter_values(store, before, after, SESSIONS_PER_STEP)
        if last is None:
            return None
        job_schedules.set_position(store, "retention", last.isoformat())
        return _Deleted(rows)

    return step


def _pruning_late_meter_values(before: datetime, now: datetime) -> _Step:
    is_done = False

    def step(store: Session) -> _Deleted | None:
        nonlocal is_done
        passed, looked = (job_schedules.position(store, name) for name in ("retention", "late values"))
        if is_done or passed is None:
            return None
        is_done = True
        job_schedules.set_position(store, "late values", now.isoformat())
        since = datetime.fromisoformat(looked or passed) - APPLIED_WITHIN
        rows = retention.prune_late_meter_values(store, before, datetime.fromisoformat(passed), since)
        return _Deleted(rows)

    return step


def _told(counts: dict[str, int], *, is_complete: bool) -> Outcome:
    told = ", ".join(f"{count:,} {subject}" for subject, count in counts.items() if count)
    if not is_complete:
        told += "; more is left for the next run"
    if told:
        log.info("deleted %s", told)
    return Outcome(sum(counts.values()), note=told or None)
