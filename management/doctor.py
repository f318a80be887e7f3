"""`manage.py doctor`: what is wrong, a line each, with the mend."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import requests
from sqlalchemy.exc import SQLAlchemyError

from db import job_schedules, migrate
from db.engine import make_engine, reading
from settings import ENV_FILE, ConfigurationError, Settings, load

MAX_SKEW = timedelta(seconds=30)


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
        yield Finding(False, "configuration", f"{error}; mend it, or delete .env and run `make demo`")
        return
    yield Finding(True, "configuration", "readable")
    yield from _secrets(settings)
    yield _store(settings)
    yield from _processes(settings)
    yield from _station_keys(settings)


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
    try:
        current = migrate.is_current(make_engine(settings.database_url))
    except SQLAlchemyError as error:
        return Finding(False, "store", f"cannot be opened ({error.__class__.__name__}); check DATABASE_URL")
    return Finding(current, "store", "migrated" if current else "old schema; run `python manage.py migrate`")


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
            expected = job_schedules.expected(store)
    except SQLAlchemyError:
        expected = []
    finally:
        engine.dispose()
    if not expected:
        return Finding(False, "jobs", f"never ran; {start}")
    late = [row.job for row in expected if job_schedules.is_late(row, datetime.now(UTC))]
    told = f"late: {', '.join(late)}; {start}, or see `list-jobs`" if late else "each ran when it was due"
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


def _reachable(name: str, url: str, command: str) -> Iterator[Finding]:
    asked = datetime.now(UTC)
    try:
        response = requests.get(url, timeout=3)
    except requests.RequestException:
        yield Finding(False, name, f"does not answer at {url}; start it with `{command}`")
        return
    # A foreign backend need not have a health address; that it answers at all is what counts.
    yield Finding(response.status_code < 500, name, f"answers {response.status_code} at {url}")
    if date := response.headers.get("Date"):
        skew = abs(parsedate_to_datetime(date) - asked)
        told = (
            "agrees with ours"
            if skew <= MAX_SKEW
            else f"differs by {skew.total_seconds():.0f} s; set it by NTP"
        )
        yield Finding(skew <= MAX_SKEW, f"{name}'s clock", told)
