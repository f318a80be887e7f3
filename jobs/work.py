"""The jobs: what each does in one run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from db import partitions
from db.engine import reading
from db.models import utc_now
from jobs import upkeep
from jobs.runs import Job, Outcome, Progress, each, unheard
from ocpp_integration import inbox, polling, reconcile, sync
from ocpp_integration.backend import BackendClient
from ocpp_integration.billing import audit
from ocpp_integration.billing.checks import CHECKS
from ocpp_integration.errors import BackendError, IntegrationError
from ocpp_integration.payments import charging_work, provider_work
from ocpp_integration.payments.provider import Provider, ProviderDown
from ocpp_integration.payments.providers import provider_of
from ocpp_integration.payments.sandbox import send_callbacks
from ocpp_integration.platform import MengedMate, pull, terms_of
from ocpp_integration.services import OCPPIntegrationService
from schedule import Schedule
from settings import Settings

log = logging.getLogger(__name__)

# Events of one transaction: what each costs falls with their number. On SQLite webhooks wait meanwhile.
BATCHES = {"sqlite": 500, "postgresql": 2000}
_PARTITIONS = _PACKING = Schedule(seconds=3600)
# Drivers wait for these, and energy flows on in between.
_PAYMENTS = Schedule(seconds=1)


def all_jobs(
    settings: Settings, engine: Engine, backend: BackendClient, clock: Callable[[], datetime] = utc_now
) -> list[Job]:
    """Every job with what it does and when, wired to its collaborators."""
    offline_after = timedelta(seconds=settings.offline_after)
    stuck_after = timedelta(hours=settings.stuck_after)
    kept = upkeep.Retention.of(settings)
    return [
        Job(
            "apply",
            lambda progress: apply_webhooks(engine, clock, progress),
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
        *([_pulling(settings, engine, clock)] if settings.pulls_stations else []),
        Job(
            "poll",
            lambda progress: poll_sessions(engine, backend, clock, settings, progress),
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
            lambda progress: upkeep.tidy_up(engine, clock, kept, progress),
            settings.retention_schedule,
            "Deletes what is older than the settings keep it, and counts what is left",
        ),
        Job(
            "pack",
            lambda progress: upkeep.pack_days(engine, clock, progress),
            _PACKING,
            "Packs sessions of days that are over, so that figures of very many are there at once",
        ),
        Job(
            "audit",
            lambda progress: audit_billing(engine, clock, settings.audit_days, progress),
            settings.audit_schedule,
            "Looks for what does not add up in bills and statements",
        ),
        Job(
            "partitions",
            lambda progress: make_partitions(engine, clock, progress),
            _PARTITIONS,
            "Makes the parts of large tables for the months to come (PostgreSQL)",
        ),
        *_payments(settings, engine, backend, clock),
    ]


def _pulling(settings: Settings, engine: Engine, clock: Callable[[], datetime]) -> Job:
    return Job(
        "pull",
        lambda progress: pull_stations(engine, settings, clock, progress),
        settings.pull_schedule,
        "Takes stations, connectors and prices from MengedMate",
    )


def _payments(
    settings: Settings, engine: Engine, backend: BackendClient, clock: Callable[[], datetime]
) -> list[Job]:
    """The jobs of payments, where any are taken. A slow provider keeps no charge point waiting."""
    provider = provider_of(settings, engine)
    if provider is None or settings.chapa_webhook_secret is None:
        return []
    service = OCPPIntegrationService(settings=settings, engine=engine, backend=backend, clock=clock)
    secret = settings.chapa_webhook_secret.get_secret_value()
    jobs = [
        Job(
            "payments",
            lambda progress: ask_provider(engine, provider, clock, progress),
            _PAYMENTS,
            "Asks the payment provider what was paid, and for refunds",
            quiet=True,
        ),
        Job(
            "prepaid",
            lambda progress: follow_prepaid(engine, service, clock, progress),
            _PAYMENTS,
            "Starts what is paid, stops it when that is used up, and bills it",
            quiet=True,
        ),
    ]
    if provider.name == "sandbox":
        jobs.append(
            Job(
                "sandbox",
                lambda progress: _send_callbacks(engine, settings, secret, progress),
                _PAYMENTS,
                "Sends the callbacks of the sandbox provider",
                quiet=True,
            )
        )
    return jobs


def _send_callbacks(engine: Engine, settings: Settings, secret: str, progress: Progress) -> Outcome:
    progress(0, None)
    return Outcome(send_callbacks(engine, settings.receiver_url, secret))


def ask_provider(
    engine: Engine, provider: Provider, clock: Callable[[], datetime], progress: Progress = unheard
) -> Outcome:
    """Each payment that is due; where the provider cannot be reached the others wait for the next run."""
    with reading(engine) as store:
        due = provider_work.due(store, clock())
    is_down = False

    def work(payment_id: int) -> None:
        nonlocal is_down
        if is_down:
            return
        try:
            provider_work.work(engine, provider, payment_id, clock())
        except ProviderDown:
            is_down = True
            raise

    return each(due, _alone(work), progress)


def _alone(work: Callable[[int], None]) -> Callable[[int], None]:
    """Work at a payment: where it fails as nobody foresaw, that keeps no other driver waiting."""

    def guarded(payment_id: int) -> None:
        try:
            work(payment_id)
        except (IntegrationError, DBAPIError):
            raise
        except Exception as error:
            log.exception("payment %d cannot be worked on", payment_id)
            raise IntegrationError(f"{type(error).__name__}: {error}") from error

    return guarded


def follow_prepaid(
    engine: Engine,
    service: OCPPIntegrationService,
    clock: Callable[[], datetime],
    progress: Progress = unheard,
) -> Outcome:
    with reading(engine) as store:
        opened = charging_work.open_payments(store)

    def work(payment_id: int) -> None:
        charging_work.work(engine, service, payment_id, clock())

    return each(opened, _alone(work), progress)


def apply_webhooks(engine: Engine, clock: Callable[[], datetime], progress: Progress = unheard) -> Outcome:
    """Apply recorded webhooks until none are left but those of stations that another worker is at."""
    taken = dead = 0
    limit = BATCHES[engine.dialect.name]
    while (batch := inbox.apply_batch(engine, now=clock(), limit=limit)).taken:
        taken, dead = taken + batch.taken, dead + batch.dead
        progress(taken, None)
    webhooks = "1 webhook" if dead == 1 else f"{dead} webhooks"
    reason = f"{webhooks} cannot be applied: the page Webhooks says why" if dead else None
    return Outcome(taken, dead, reason)


def sync_stations(
    engine: Engine, backend: BackendClient, clock: Callable[[], datetime], progress: Progress = unheard
) -> Outcome:
    """Tell the backend every station that changed; one that it refuses does not stop the others."""
    with reading(engine) as store:
        due = sync.stations_to_sync(store, clock())
    outcome = each(
        due, lambda station_id: sync.sync_station(engine, backend, station_id, now=clock()), progress
    )
    # Whoever made a station known, also by hand or by the REST API, events may have waited for it.
    released = inbox.release_waiting(engine, now=clock())
    if due or released:
        log.info(
            "synced %d of %d stations, %d events released", len(due) - outcome.failed, len(due), released
        )
    return outcome


def make_partitions(engine: Engine, clock: Callable[[], datetime], progress: Progress = unheard) -> Outcome:
    progress(0, None)
    return Outcome(len(partitions.ensure(engine, clock())))


def audit_billing(
    engine: Engine, clock: Callable[[], datetime], days: int, progress: Progress = unheard
) -> Outcome:
    """Run every check of the billing audit. What it finds is no failure of the job's: the page tells it."""
    now = clock()
    since = now - timedelta(days=days) if days else None
    found = audit.run(engine, now=now, since=since, progress=progress)
    return Outcome(len(CHECKS), note=f"{found} findings are open" if found else None)


def pull_stations(
    engine: Engine, settings: Settings, clock: Callable[[], datetime], progress: Progress = unheard
) -> Outcome:
    """Bring stations and connectors to what MengedMate lists; a wrong one does not stop the others.

    `progress` counts the stations read; once they are being stored, it is too late to cancel.
    """
    terms = terms_of(settings)
    listed, plan = pull(
        engine, MengedMate(settings), terms, now=clock(), on_read=lambda found: progress(found, None)
    )
    for change in plan.changes:
        log.info("pulled: %s", change)
    failed = max(len(plan.left_out), len(plan.problems) > 0)
    return Outcome(listed, failed, _told(plan.problems))


def poll_sessions(
    engine: Engine,
    backend: BackendClient,
    clock: Callable[[], datetime],
    settings: Settings,
    progress: Progress = unheard,
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
            progress=progress,
        )
    except BackendError as error:
        return Outcome(len(silent), len(silent) or 1, _unreachable(error, len(silent)))
    if settled := reconcile.settle_unanswered(engine, now=clock(), start_within=settings.start_within):
        log.info("%d unanswered commands were found out about", settled)
    reasons = list(polled.errors[:5])
    if polled.left:
        why = "the OCPP backend is down" if backend.is_down else "the time was over"
        reasons.append(f"{polled.left} of {len(silent)} sessions are left for the next run: {why}")
    return Outcome(polled.asked, len(polled.errors), "; ".join(reasons) or None)


def _unreachable(error: BackendError, unasked: int) -> str:
    left = f"; {unasked} silent sessions were not asked for" if unasked else ""
    mend = "start it (`python -m ocpp_backend`), or check OCPP_BASE_URL and OCPP_API_KEY"
    return f"The OCPP backend cannot be reached{left}; {mend}: {error}"


def _told(reasons: Sequence[str]) -> str | None:
    more = f"; and {len(reasons) - 5} more" if len(reasons) > 5 else ""
    return "; ".join(reasons[:5]) + more or None
