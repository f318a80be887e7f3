"""Status intervals that have not ended yet. Rollups hold the ended ones; a read adds these to them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, NamedTuple, TypeVarTuple

from sqlalchemy import BigInteger, ColumnElement, Select, case, cast, extract, func, select
from sqlalchemy.orm import Session

from db.analytics.outcome import DOWN_STATUSES
from db.analytics.scope import Period, Scope
from db.clocks import DAY, Clock, clock, date_of
from db.models import ChargingStation, ConnectorStatusInterval, OCPPConnector, OCPPStation

_Columns = TypeVarTuple("_Columns")
Seconds = tuple[int, int]  # observed, outage


class _Zone(NamedTuple):
    """A time zone of a scope, and the part of a period that has passed there, in seconds since 1970."""

    name: str
    first: int
    end: int


def seconds(store: Session, scope: Scope, period: Period, now: datetime) -> Seconds:
    """Observed and outage seconds of the open intervals within `period`, up to `now`."""
    observed = outage = 0
    for zone in _zones(store, scope, period, now):
        is_down, begun = _begun(store, zone)
        query = _open(scope, zone, select(is_down, func.count(), func.sum(begun)), begun)
        for down, count, total in store.execute(query.group_by(is_down)):
            length = count * zone.end - int(total)
            observed += length
            outage += length if down else 0
    return observed, outage


def seconds_by_day(store: Session, scope: Scope, period: Period, now: datetime) -> dict[date, Seconds]:
    """The same for each local day that has any."""
    days: dict[date, Seconds] = {}
    for zone in _zones(store, scope, period, now):
        is_down, begun = _begun(store, zone)
        rows = store.execute(_open(scope, zone, select(is_down, begun), begun)).all()
        local = clock(zone.name)
        down = _by_day(local, (start for down, start in rows if down), zone.end)
        for day, length in _by_day(local, (start for _, start in rows), zone.end).items():
            observed, outage = days.get(date_of(day), (0, 0))
            days[date_of(day)] = observed + length, outage + down.get(day, 0)
    return days


def _by_day(local: Clock, starts: Iterable[int], end: int) -> dict[int, int]:
    """Seconds by local day. A day that many intervals last through is looked at once."""
    lengths: dict[int, int] = defaultdict(int)
    begun: dict[int, int] = defaultdict(int)
    for start in starts:
        day = local.reading(start) // DAY
        lengths[day] += next(local.days(start, end)).seconds
        begun[day] += 1
    lasting, day = 0, min(begun, default=0)
    while begun and local.midnight(day + 1) < end:
        lasting += begun[day]
        day += 1
        lengths[day] += lasting * (min(end, local.midnight(day + 1)) - local.midnight(day))
    return lengths


def _zones(store: Session, scope: Scope, period: Period, now: datetime) -> list[_Zone]:
    names = select(ChargingStation.timezone).distinct()
    if scope.kind != "network":
        names = names.join(OCPPStation).where(OCPPStation.id.in_(scope.stations()))
    zones = []
    for name in store.scalars(names):
        first, last = period.bounds(name)
        zone = _Zone(name, int(first.timestamp()), int(min(now, last).timestamp()))
        if zone.first < zone.end:
            zones.append(zone)
    return zones


def _begun(store: Session, zone: _Zone) -> tuple[ColumnElement[bool], ColumnElement[int]]:
    """Whether an interval is an outage, and when within the period it began."""
    started_at: ColumnElement[Any] = ConnectorStatusInterval.started_at.expression
    if store.get_bind().dialect.name == "postgresql":
        started_at = func.date_trunc("second", started_at)
    start = cast(extract("epoch", started_at), BigInteger)
    begun = case((start < zone.first, zone.first), else_=start)
    return ConnectorStatusInterval.status.in_(sorted(DOWN_STATUSES)), begun


def _open(
    scope: Scope, zone: _Zone, query: Select[*_Columns], begun: ColumnElement[int]
) -> Select[*_Columns]:
    """The query over the zone's intervals that have no end yet."""
    stations = scope.stations().where(
        OCPPStation.charging_station_id.in_(
            select(ChargingStation.id).where(ChargingStation.timezone == zone.name)
        )
    )
    return query.join(OCPPConnector, ConnectorStatusInterval.ocpp_connector_id == OCPPConnector.id).where(
        ConnectorStatusInterval.ended_at.is_(None),
        OCPPConnector.ocpp_station_id.in_(stations),
        begun < zone.end,
    )
