"""The jobs: what each does in one run."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Engine

from db.engine import reading
from db.models import utc_now
from jobs import upkeep
from jobs.runs import Job, Outcome, Progress, each, unheard
from ocpp_integration import inbox, polling, sync
from ocpp_integration.backend import BackendClient
from schedule import Schedule
from settings import Settings

log = logging.getLogger(__name__)

BATCH = 200
POLLS_PER_RUN = 200


def all_jobs(
    settings: Settings, engine: Engine, backend: BackendClient, clock: Callable[[], datetime] = utc_now
) -> list[Job]:
    """Every job with what it does and when, wired to its collaborators."""
    silent_after = timedelta(seconds=settings.session_silent_after)
    offline_after = timedelta(seconds=settings.offline_after)
    stuck_after = timedelta(hours=settings.stuck_after)
    kept = upkeep.Retention.of(settings)
    return [
        Job(
            "apply",
            lambda _: apply_webhooks(engine, clock),
            Schedule(settings.apply_interval),
            "Applies recorded webhooks to sessions, connectors and statistics",
            quiet=True,
        ),
        Job(
            "sync",
            lambda progress: sync_stations(engine, backend, clock, progress),
            settings.sync_schedule,
            "Tells the OCPP backend which stations there are",
        ),
        Job(
            "poll",
            lambda progress: poll_sessions(engine, backend, clock, silent_after, progress),
            settings.poll_schedule,
            "Asks the OCPP backend about running sessions that fell silent",
        ),
        Job(
            "presence",
            lambda progress: upkeep.mark_silent_stations(engine, backend, clock, offline_after, progress),
            settings.presence_schedule,
            "Marks stations offline that are not heard any more",
        ),
        Job(
            "stuck",
            lambda progress: upkeep.close_stuck_sessions(engine, backend, clock, stuck_after, progress),
            settings.stuck_schedule,
            "Ends sessions, as estimated, that nobody else will end",
        ),
        Job(
            "rollup",
            lambda progress: upkeep.check_rollups(engine, clock, settings.zone, progress),
            settings.rollup_schedule,
            "Compares the statistics with the rows they sum, and mends them",
        ),
        Job(
            "retention",
            lambda progress: upkeep.forget_old_rows(engine, clock, kept, progress),
            settings.retention_schedule,
            "Deletes what is older than the settings keep it",
        ),
    ]


def apply_webhooks(engine: Engine, clock: Callable[[], datetime]) -> Outcome:
    """Apply recorded webhooks until none are left."""
    taken = dead = 0
    while True:
        batch = inbox.apply_batch(engine, now=clock(), limit=BATCH)
        taken, dead = taken + batch.taken, dead + batch.dead
        if batch.taken < BATCH:
            break
    reason = f"{dead} webhooks cannot be applied; each says why" if dead else None
    return Outcome(taken, dead, reason)


def sync_stations(
    engine: Engine, backend: BackendClient, clock: Callable[[], datetime], progress: Progress = unheard
) -> Outcome:
    """Tell the backend every station that changed; one that it refuses does not stop the others."""
    with reading(engine) as store:
        due = sync.stations_to_sync(store)
    outcome = each(
        due, lambda station_id: sync.sync_station(engine, backend, station_id, now=clock()), progress
    )
    # Whoever made a station known, also by hand or by the REST API, events may have waited for it.
    released = inbox.release_waiting(engine)
    if due or released:
        log.info(
            "synced %d of %d stations, %d events released", len(due) - outcome.failed, len(due), released
        )
    return outcome


def poll_sessions(
    engine: Engine,
    backend: BackendClient,
    clock: Callable[[], datetime],
    silent_after: timedelta,
    progress: Progress = unheard,
) -> Outcome:
    """Ask the backend about running sessions from which nothing came for a while."""
    with reading(engine) as store:
        silent = polling.silent_sessions(store, clock() - silent_after, POLLS_PER_RUN)
    return each(silent, lambda number: polling.refresh(engine, backend, number, now=clock()), progress)
