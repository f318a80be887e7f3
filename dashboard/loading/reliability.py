"""Availability, outages, errors, and whether charging succeeds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy.orm import Session

from dashboard import resources
from dashboard.loading.kept import kept
from db.analytics import errors, outages
from db.analytics import success as charges
from db.analytics.availability import Outage
from db.analytics.exclusions import Exclusion, entered
from db.analytics.scope import Period, Scope
from db.engine import reading


@dataclass(frozen=True)
class PortOutage:
    port: outages.Port
    outage: Outage
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Availability:
    """A period by the three definitions, by day and by station, with its outages, the newest first."""

    told: outages.Definitions
    days: dict[date, outages.DayTime]
    stations: list[outages.StationAvailability]
    outages: list[PortOutage]


@dataclass(frozen=True)
class Errors:
    by_code: list[errors.ErrorTotal]
    by_station: list[errors.StationErrors]
    by_day: dict[date, Counter[str]]


def exclusions(scope: Scope) -> list[Exclusion]:
    """Those that count, the newest time first. Never kept, and read from the store itself: they are part of
    the key of what follows from them, so that whoever enters one sees at once what it changes.
    """
    with reading(resources.engine()) as store:
        return entered(store, scope)


@kept(ttl=60, most=100, ahead=True)
def availability(scope: Scope, period: Period, excluded: tuple[Exclusion, ...]) -> Availability:
    now = datetime.now(UTC)

    def work(store: Session) -> Availability:
        logs = outages.logs(store, scope, period, now, excluded)
        down = [PortOutage(log.port, each, log.reasons_of(each)) for log in logs for each in log.outages]
        return Availability(
            told=outages.definitions(logs),
            days=outages.by_day(logs),
            stations=outages.by_station(logs),
            outages=sorted(down, key=lambda each: each.outage.start, reverse=True),
        )

    return resources.read(work)


@kept(ttl=300, most=100, ahead=True)
def success(scope: Scope, period: Period) -> charges.Success:
    return resources.read(lambda store: charges.success(store, scope, period))


@kept(ttl=300, most=100, ahead=True)
def troubled_visits(scope: Scope, period: Period, limit: int) -> list[charges.VisitRow]:
    return resources.read(lambda store: charges.troubled_visits(store, scope, period, limit=limit))


@kept(ttl=60, most=100, ahead=True)
def reported_errors(scope: Scope, period: Period) -> Errors:
    now = datetime.now(UTC)
    return resources.read(
        lambda store: Errors(
            errors.by_code(store, scope, period, now),
            errors.by_station(store, scope, period, now),
            errors.by_day(store, scope, period),
        )
    )
