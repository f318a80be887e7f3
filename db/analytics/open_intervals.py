"""Status intervals that have not ended yet. Rollups hold the ended ones; a read adds these to them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.analytics.outcome import DOWN_STATUSES
from db.analytics.scope import Period, Scope
from db.clocks import DAY, Clock, clock, date_of
from db.models import ChargingStation, ConnectorStatusInterval, OCPPConnector, OCPPStation

Seconds = tuple[int, int]  # observed, outage


class _Open(NamedTuple):
    """The part of an open interval within a period, as seconds since 1970."""

    start: int
    end: int
    is_down: bool


def seconds(store: Session, scope: Scope, period: Period, now: datetime) -> Seconds:
    """Observed and outage seconds of the open intervals within `period`, up to `now`."""
    found = [each for parts in _overlaps(store, scope, period, now).values() for each in parts]
    observed = sum(end - start for start, end, _ in found)
    return observed, sum(end - start for start, end, is_down in found if is_down)


def seconds_by_day(store: Session, scope: Scope, period: Period, now: datetime) -> dict[date, Seconds]:
    """The same for each local day that has any."""
    days: dict[date, Seconds] = {}
    for timezone, parts in _overlaps(store, scope, period, now).items():
        down = _by_day(clock(timezone), (each for each in parts if each.is_down))
        for day, length in _by_day(clock(timezone), parts).items():
            observed, outage = days.get(date_of(day), (0, 0))
            days[date_of(day)] = observed + length, outage + down.get(day, 0)
    return days


def _by_day(local: Clock, parts: Iterable[_Open]) -> dict[int, int]:
    """Seconds by local day of parts that all end together, as a network's do: days that many of them last
    through are taken once.
    """
    lengths: dict[int, int] = defaultdict(int)
    begun: dict[int, int] = defaultdict(int)
    end = 0
    for start, end, _ in parts:
        first = next(local.days(start, end))
        day = first.reading // DAY
        lengths[day] += first.seconds
        begun[day] += 1
    lasting, day = 0, min(begun, default=0)
    while begun and local.midnight(day + 1) < end:
        lasting += begun[day]
        day += 1
        lengths[day] += lasting * (min(end, local.midnight(day + 1)) - local.midnight(day))
    return lengths


def _overlaps(store: Session, scope: Scope, period: Period, now: datetime) -> dict[str, list[_Open]]:
    """By time zone."""
    rows = store.execute(
        select(ConnectorStatusInterval.status, ConnectorStatusInterval.started_at, ChargingStation.timezone)
        .join(OCPPConnector, ConnectorStatusInterval.ocpp_connector_id == OCPPConnector.id)
        .join(OCPPStation, OCPPConnector.ocpp_station_id == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .where(
            ConnectorStatusInterval.ended_at.is_(None),
            OCPPConnector.ocpp_station_id.in_(scope.stations()),
        )
    )
    bounds: dict[str, tuple[datetime, datetime]] = {}
    overlaps: dict[str, list[_Open]] = defaultdict(list)
    for status, started_at, timezone in rows:
        if timezone not in bounds:
            first, last = period.bounds(timezone)
            bounds[timezone] = first, min(now, last)
        first, end = bounds[timezone]
        start = max(started_at, first)
        part = _Open(int(start.timestamp()), int(end.timestamp()), status in DOWN_STATUSES)
        if part.start < part.end:
            overlaps[timezone].append(part)
    return overlaps
