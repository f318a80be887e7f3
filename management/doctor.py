"""`manage.py doctor`: what is wrong, a line each, with the mend."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from email.utils import parsedate_to_datetime
from pathlib import Path

import requests
from sqlalchemy import Engine, func, make_url, select
from sqlalchemy.exc import SQLAlchemyError

from db import job_health, migrate
from db.columns import UTCDateTime
from db.engine import make_engine, reading
from db.models import ConnectorToken, JobSchedule, OCPPConnector, OCPPStation, WebhookEvent
from db.replica import Replica
from management.people import way_in
from ocpp_integration import backend_state
from ocpp_integration.lifecycle import MAX_CLOCK_AHEAD
from ocpp_integration.payments.attempts import CALLBACK
from ocpp_integration.payments.stuck import stuck, under_way
from ocpp_integration.platform.source import PATHS
from settings import ENV_FILE, ConfigurationError, Settings, load

MAX_SKEW = timedelta(seconds=30)
# With less, a copy for the nightly backup may fill the disk, and a full disk stops every process.
LEAST_FREE = 2 * 10**9


@dataclass(frozen=True)
class Finding:
    good: bool
    subject: str
    message: str

    def __str__(self) -> str:
        return f"{'ok  ' if self.good else 'BAD '} {self.subject}: {self.message}"


def examine() -> Iterator[Finding]:
    """Every finding, the good ones too. Stops at a configuration that cannot be read."""
    yield Finding(
        sys.version_info >= (3, 11), "python", f"{sys.version.split()[0]} (3.11 or newer is needed)"
    )
    try:
        settings = load()
    except ConfigurationError as error:
        yield Finding(False, "configuration", f"{error}\n     Mend it there.")
        return
    yield from _env_file(ENV_FILE)
    yield from _secrets(settings)
    yield _store(settings)
    yield from _people(settings)
    yield from _clock(settings)
    yield from _disk(settings)
    yield from _replica(settings)
    yield from _processes(settings)
    yield from _station_keys(settings)
    yield from _platform(settings)
    yield from _told_stations(settings)
    yield from _payments(settings)


def _env_file(path: Path) -> Iterator[Finding]:
    """Lines of the file that set nothing: for these the defaults hold, and nobody says so."""
    known = [name.upper() for name in Settings.model_fields]
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for number, line in enumerate(map(str.strip, lines), start=1):
        name, equals, _ = line.removeprefix("export ").partition("=")
        if not line or line.startswith("#"):
            continue
        if not equals:
            yield Finding(False, path.name, f"line {number} is not NAME=value: {line[:40]}")
        # Others may well be there, for other programs.
        elif (name := name.strip().upper()) not in known and (
            meant := get_close_matches(name, known, n=1, cutoff=0.8)
        ):
            yield Finding(False, path.name, f"line {number} sets {name}, which is no setting; {meant[0]} is")
    yield Finding(True, "configuration", "readable")


def _secrets(settings: Settings) -> Iterator[Finding]:
    mend = f"set it in {ENV_FILE.name}, or run `python manage.py init` where there is no {ENV_FILE.name}"
    for name, value in (
        ("WEBHOOK_SECRET", settings.webhook_secret),
        ("OCPP_API_KEY", settings.ocpp_api_key),
        ("COOKIE_SECRET", settings.cookie_secret),
    ):
        yield Finding(value is not None, name, "set" if value else f"not set; {mend}")
    if settings.webhook_allow_unsigned:
        yield Finding(False, "WEBHOOK_ALLOW_UNSIGNED", "anyone who reaches the receiver can send it events")


def _store(settings: Settings) -> Finding:
    engine = make_engine(settings.database_url)
    try:
        current = migrate.is_current(engine)
    except SQLAlchemyError as error:
        return Finding(False, "store", f"cannot be opened ({error.__class__.__name__}); check DATABASE_URL")
    finally:
        engine.dispose()
    return Finding(current, "store", "migrated" if current else "old schema; run `python manage.py migrate`")


def _people(settings: Settings) -> Iterator[Finding]:
    engine = make_engine(settings.database_url)
    try:
        lacking = way_in(engine)
    except SQLAlchemyError:
        return
    finally:
        engine.dispose()
    yield Finding(not lacking, "users", lacking or "an admin can sign in")


def _clock(settings: Settings) -> Iterator[Finding]:
    """Whether this host's clock stands before what was recorded by it: after a power cut it may begin in the
    past, and whatever is told then would be billed and counted at a wrong time. On PostgreSQL the store's
    clock is asked as well.
    """
    engine = make_engine(settings.database_url)
    try:
        newest, theirs = _newest(engine), _store_clock(engine)
    except SQLAlchemyError:
        return
    finally:
        engine.dispose()
    now = datetime.now(UTC)
    if newest is not None and newest > now + MAX_CLOCK_AHEAD:
        told = f"reads {now:%Y-%m-%d %H:%M} UTC, and the store was written at {newest:%Y-%m-%d %H:%M} UTC"
        mend = "set it by NTP before the processes go on"
        yield Finding(False, "clock", f"{told}; it is behind now, or was ahead then: {mend}")
    else:
        yield Finding(True, "clock", "nothing in the store is of later than now")
    if theirs is not None and abs(theirs - now) > MAX_SKEW:
        told = f"differs by {abs(theirs - now).total_seconds():.0f} s; set both by NTP"
        yield Finding(False, "store's clock", told)


def _newest(engine: Engine) -> datetime | None:
    with reading(engine) as store:
        asked = (
            select(WebhookEvent.received_at).order_by(WebhookEvent.id.desc()).limit(1),
            select(func.max(JobSchedule.updated_at)),
            # Until then nothing newer counts of a station or a connector.
            select(func.max(OCPPStation.last_heartbeat)),
            select(func.max(OCPPConnector.status_at)),
        )
        times = [store.scalar(each) for each in asked]
    return max((at for at in times if at is not None), default=None)


def _store_clock(engine: Engine) -> datetime | None:
    """None on SQLite, which has this host's."""
    if engine.dialect.name == "sqlite":
        return None
    with reading(engine) as store:
        return store.scalar(select(func.clock_timestamp(type_=UTCDateTime())))


def _disk(settings: Settings) -> Iterator[Finding]:
    """Room beside the stores that are files here."""
    urls = (make_url(url) for url in (settings.database_url, settings.ocpp_backend_database_url))
    files = (url.database for url in urls if url.get_backend_name() == "sqlite")
    folders = {Path(file).parent for file in files if file}
    for folder in sorted(folders):
        if folder.is_dir():
            free = shutil.disk_usage(folder).free
            told = f"{free / 10**9:,.1f} GB free at {folder}"
            mend = "; make room, for when it is full nothing is recorded any more"
            yield Finding(free >= LEAST_FREE, "disk", told if free >= LEAST_FREE else told + mend)


def _replica(settings: Settings) -> Iterator[Finding]:
    if settings.database_read_url:
        trouble = Replica(settings.database_read_url, max_lag=settings.database_read_max_lag).trouble()
        mend = "; until it is mended the dashboard reads from DATABASE_URL"
        yield Finding(trouble is None, "replica", f"{trouble}{mend}" if trouble else "keeps up")


def _processes(settings: Settings) -> Iterator[Finding]:
    backend = settings.ocpp_settings["BASE_URL"]
    for name, url, command in (
        ("dashboard", f"{settings.dashboard_url}/healthz", "python -m dashboard"),
        ("receiver", f"{settings.receiver_url}/healthz", "python -m webhook_receiver"),
        ("backend", f"{backend}/healthz", "python -m ocpp_backend"),
    ):
        yield from _reachable(name, url, command)
    yield _jobs(settings)


def _jobs(settings: Settings) -> Finding:
    start = "start with `python -m jobs`"
    engine = make_engine(settings.database_url)
    try:
        with reading(engine) as store:
            now = datetime.now(UTC)
            late = job_health.late_jobs(store, now)
            heard = store.scalar(select(func.max(JobSchedule.updated_at))) or now
    except SQLAlchemyError:
        late = None
    finally:
        engine.dispose()
    if late is None:
        return Finding(False, "jobs", f"never ran; {start}")
    names = ", ".join(row.job for row in late)
    told = f"late: {names}; {start}, or see `list-jobs`" if late else "each ran when it was due"
    told += f"; the scheduler was last heard {(now - heard).total_seconds():.0f} s ago"
    return Finding(not late, "jobs", told)


def _station_keys(settings: Settings) -> Iterator[Finding]:
    """Stations to which no charge point can connect. Another backend than ours says nothing of keys."""
    if not settings.ocpp_require_station_keys:
        yield Finding(True, "station keys", "not required (OCPP_REQUIRE_STATION_KEYS)")
        return
    backend = settings.ocpp_settings
    headers = {"Authorization": f"Bearer {backend['API_KEY']}"}
    try:
        listed = requests.get(
            f"{backend['BASE_URL']}/api/locator/stations/", headers=headers, timeout=3
        ).json()
        keyless = [station["station_id"] for station in listed if not station["has_key"]]
    except (requests.RequestException, ValueError, KeyError, TypeError):
        return
    mend = "make each one with `python manage.py create-station-key STATION_ID`"
    named = ", ".join(keyless[:3]) + (", ..." if len(keyless) > 3 else "")
    told = f"missing for {len(keyless)} ({named}); {mend}" if keyless else "every station has one"
    yield Finding(not keyless, "station keys", told)


def _platform(settings: Settings) -> Iterator[Finding]:
    """Whether stations can be pulled, where that is wanted."""
    url, token = settings.mengedmate_url, settings.mengedmate_token
    if url is None or token is None:
        if url or token:
            lacking = "MENGEDMATE_URL" if token else "MENGEDMATE_TOKEN"
            yield Finding(False, lacking, "not set; without it no stations are pulled from MengedMate")
        return
    address = url.rstrip("/") + PATHS[settings.mengedmate_stations][0]
    headers = {"Authorization": f"Token {token.get_secret_value()}"}
    asked = datetime.now(UTC)
    try:
        response = requests.get(address, headers=headers, timeout=3, allow_redirects=False)
    except requests.RequestException:
        yield Finding(False, "MengedMate", f"does not answer at {address}; check MENGEDMATE_URL")
        return
    status = response.status_code
    mend = "; check MENGEDMATE_TOKEN" if status in (401, 403) else "; check MENGEDMATE_URL"
    told = f"answers {status} at {address}"
    yield Finding(status == 200, "MengedMate", told if status == 200 else told + mend)
    # The one clock that is surely not this host's.
    yield from _agrees("MengedMate", response, asked)


def _told_stations(settings: Settings) -> Iterator[Finding]:
    """Stations that the backend refuses, and since when it is down where it is."""
    engine = make_engine(settings.database_url)
    try:
        with reading(engine) as store:
            state = backend_state.find(store)
            refused = store.scalars(
                select(OCPPStation).where(OCPPStation.sync_error.is_not(None)).order_by(OCPPStation.id)
            ).all()
    except SQLAlchemyError:
        return
    finally:
        engine.dispose()
    if state is not None and state.down_since is not None:
        told = f"down since {state.down_since:%Y-%m-%d %H:%M} UTC: {state.last_error}"
        yield Finding(False, "calls to the backend", told)
    for row in refused[:10]:
        at = f" ({row.sync_failed_at:%Y-%m-%d %H:%M} UTC)" if row.sync_failed_at else ""
        told = f"the backend was not told of it{at}: {row.sync_error}; mend it, the sync job tells it again"
        yield Finding(False, row.station_id, told)
    if not refused:
        yield Finding(True, "stations", "each is known to the backend, or will be with the next sync")


def _payments(settings: Settings) -> Iterator[Finding]:
    """Whether payments at codes can be taken as they are set up, and those that wait for too long."""
    engine = make_engine(settings.database_url)
    try:
        with reading(engine) as store:
            found = list(stuck(store, datetime.now(UTC)))
            valid = ConnectorToken.revoked_at.is_(None)
            codes = store.scalar(select(func.count()).select_from(ConnectorToken).where(valid)) or 0
            unsettled = under_way(store)
    except SQLAlchemyError:
        return
    finally:
        engine.dispose()
    if settings.payment_provider == "none":
        if codes or unsettled:
            told = f"none, but {codes} codes lead to it and {unsettled} payments are under way"
            yield Finding(False, "PAYMENT_PROVIDER", f"{told}; set it again, or revoke the codes")
    else:
        yield from _provider(settings)
    for each in found:
        told = (
            f"{each.payments} x {each.rule.title}, {each.amount:,.2f} {each.currency} held; {each.rule.mend}"
        )
        yield Finding(False, "payments", told)
    if not found and settings.payment_provider != "none":
        yield Finding(True, "payments", "none waits for longer than it may")


def _provider(settings: Settings) -> Iterator[Finding]:
    address = f"{settings.phone_url}{CALLBACK}"
    if settings.payment_provider != "sandbox" and not address.startswith("https://"):
        told = f"{settings.phone_url} is no https: providers call back, and phones pay, by https only"
        yield Finding(False, "PUBLIC_URL", f"{told}; put TLS in front of the receiver, and set it")
    try:
        status = requests.get(address, timeout=3, allow_redirects=False).status_code
    except requests.RequestException:
        told = f"nothing answers at {address}; start the receiver, or mend PUBLIC_URL or the proxy"
        yield Finding(False, "callbacks of payments", told)
        return
    mend = "" if status == 200 else "; PUBLIC_URL has to lead to the receiver, restarted since it was set up"
    yield Finding(status == 200, "callbacks of payments", f"{address} answers {status}{mend}")


def _reachable(name: str, url: str, command: str) -> Iterator[Finding]:
    asked = datetime.now(UTC)
    try:
        response = requests.get(url, timeout=3)
    except requests.RequestException:
        yield Finding(False, name, f"does not answer at {url}; start it with `{command}`")
        return
    # A foreign backend need not have a health address; that it answers at all is what counts.
    yield Finding(response.status_code < 500, name, f"answers {response.status_code} at {url}")
    yield from _agrees(name, response, asked)


def _agrees(name: str, response: requests.Response, asked: datetime) -> Iterator[Finding]:
    """Whether the clock over there, where it is told, reads what ours does."""
    if told_at := _date(response):
        skew = abs(told_at - asked)
        told = (
            "agrees with ours"
            if skew <= MAX_SKEW
            else f"differs by {skew.total_seconds():.0f} s; set it by NTP"
        )
        yield Finding(skew <= MAX_SKEW, f"{name}'s clock", told)


def _date(response: requests.Response) -> datetime | None:
    """What the clock over there reads, None where that is not told or cannot be read."""
    try:
        told = parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        return None
    # A date with the zone "-0000" comes without one; it is UTC all the same.
    return told if told.tzinfo else told.replace(tzinfo=UTC)
