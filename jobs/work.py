"""The jobs: what each does in one run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from db import partitions, rollups
from db.engine import reading, writing
from db.models import utc_now
from jobs.runs import Job, Outcome, forget_runs
from ocpp_integration import inbox, polling, reconcile, sync
from ocpp_integration.backend import BackendClient
from ocpp_integration.errors import BackendDown, BackendError, IntegrationError
from ocpp_integration.platform import MengedMate, pull, terms_of
from settings import Settings

log = logging.getLogger(__name__)

_Thing = TypeVar("_Thing")

BATCH = 500
KEEP_RUNS = timedelta(days=30)
PARTITIONS_EVERY = 3600


def all_jobs(
    settings: Settings, engine: Engine, backend: BackendClient, clock: Callable[[], datetime] = utc_now
) -> list[Job]:
    """Every job with its interval, wired to its collaborators."""
    pulls = Job("pull", lambda: pull_stations(engine, settings, clock), settings.pull_interval)
    return [
        Job("apply", lambda: apply_webhooks(engine, clock), settings.apply_interval, quiet=True),
        Job("sync", lambda: sync_stations(engine, backend, clock), settings.sync_interval),
        Job("poll", lambda: poll_sessions(engine, backend, clock, settings), settings.poll_interval),
        Job("rollup", lambda: check_rollups(engine, clock, settings.zone), settings.rollup_interval),
        *([pulls] if settings.pulls_stations else []),
        Job("partitions", lambda: Outcome(len(partitions.ensure(engine, clock()))), PARTITIONS_EVERY),
    ]


def apply_webhooks(engine: Engine, clock: Callable[[], datetime]) -> Outcome:
    """Apply recorded webhooks until none are left but those of stations that another worker is at."""
    taken = dead = 0
    while (batch := inbox.apply_batch(engine, now=clock(), limit=BATCH)).taken:
        taken, dead = taken + batch.taken, dead + batch.dead
    reason = f"{dead} webhooks cannot be applied; each says why" if dead else None
    return Outcome(taken, dead, reason)


def sync_stations(engine: Engine, backend: BackendClient, clock: Callable[[], datetime]) -> Outcome:
    """Tell the backend every station that changed; one that it refuses does not stop the others."""
    with reading(engine) as store:
        due = sync.stations_to_sync(store, clock())
    outcome = _each(due, lambda station_id: sync.sync_station(engine, backend, station_id, now=clock()))
    # Whoever made a station known, also by hand or by the REST API, events may have waited for it.
    released = inbox.release_waiting(engine)
    if due or released:
        log.info(
            "synced %d of %d stations, %d events released", len(due) - outcome.failed, len(due), released
        )
    return outcome


def pull_stations(engine: Engine, settings: Settings, clock: Callable[[], datetime]) -> Outcome:
    """Bring stations and connectors to what MengedMate lists; a wrong one does not stop the others."""
    listed, plan = pull(engine, MengedMate(settings), terms_of(settings), now=clock())
    for change in plan.changes:
        log.info("pulled: %s", change)
    failed = max(plan.left_out, len(plan.problems) > 0)
    return Outcome(listed, failed, _told(plan.problems))


def poll_sessions(
    engine: Engine, backend: BackendClient, clock: Callable[[], datetime], settings: Settings
) -> Outcome:
    """Ask the backend about running sessions from which nothing came for a while.

    Where none is silent, it is asked whether it is there at all: pages say since when it is not.
    """
    silent_since = clock() - timedelta(seconds=settings.session_silent_after)
    with reading(engine) as store:
        silent = polling.silent_sessions(store, silent_since, settings.poll_limit)
    try:
        polled = polling.poll(
            engine,
            backend,
            silent,
            parallel=settings.poll_parallel,
            seconds=settings.poll_budget,
            now=clock,
        )
    except BackendError as error:
        return Outcome(len(silent), len(silent) or 1, f"{len(silent)} sessions were not asked for: {error}")
    if settled := reconcile.settle_unanswered(engine, now=clock(), start_within=settings.start_within):
        log.info("%d unanswered commands were found out about", settled)
    reasons = list(polled.errors[:5])
    if polled.left:
        why = "the OCPP backend is down" if backend.is_down else "the time was over"
        reasons.append(f"{polled.left} of {len(silent)} sessions are left for the next run: {why}")
    return Outcome(polled.asked, len(polled.errors), "; ".join(reasons) or None)


def _each(things: Sequence[_Thing], work: Callable[[_Thing], object]) -> Outcome:
    """Work on each; a failure does not stop the others, but where the backend is down none is tried."""
    reasons: list[str] = []
    for position, thing in enumerate(things):
        try:
            work(thing)
        except BackendDown as error:
            return Outcome(len(things), len(reasons) + len(things) - position, str(error))
        except IntegrationError as error:
            reasons.append(f"{thing}: {error}")
    return Outcome(len(things), len(reasons), _told(reasons))


def _told(reasons: Sequence[str]) -> str | None:
    more = f"; and {len(reasons) - 5} more" if len(reasons) > 5 else ""
    return "; ".join(reasons[:5]) + more or None


def check_rollups(engine: Engine, clock: Callable[[], datetime], zone: ZoneInfo) -> Outcome:
    """Compare this month's statistics with the rows they sum, and make them anew where they differ.

    At the turn of a month the one before is compared too: its last sessions may have been told late.
    """
    tomorrow = clock().astimezone(zone).date() + timedelta(days=1)
    first, last = tomorrow - timedelta(days=2), tomorrow
    with reading(engine) as store:
        differing = rollups.differing(store, first, last)
        checked = len(rollups.stored(store, first, last))
    with writing(engine) as store:
        forget_runs(store, clock() - KEEP_RUNS)
        if differing:
            # The store may have moved on between the two reads; inside here it cannot.
            differing = rollups.repair(store, first, last)
    if differing:
        log.warning("%d statistics differed from their rows and were made anew", differing)
        return Outcome(checked, differing, f"{differing} statistics differed and were made anew")
    return Outcome(checked)
