"""Status intervals that have not ended yet. Rollups hold the ended ones; a read adds these to them."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Select, bindparam, case, cast, extract, func, select
from sqlalchemy.orm import Session

from db.analytics.outcome import DOWN_STATUSES
from db.analytics.scope import Period, Scope, built_once, timezones
from db.clocks import DAY, Clock, clock, date_of
from db.models import ChargingStation, ConnectorStatusInterval, OCPPConnector, OCPPStation

Seconds = tuple[int, int]  # observed, outage

# Days begin at full quarters of an hour after one another, wherever clocks jump, so that what began within
# the same one began on the same day.
_SLOT = 900


class _Zone(NamedTuple):
    """A time zone of a scope, and the part of a period that has passed there, in seconds since 1970."""

    name: str
    first: int
    end: int


def seconds(store: Session, scope: Scope, period: Period, now: datetime) -> Seconds:
    """Observed and outage seconds of the open intervals within `period`, up to `now`."""
    observed = outage = 0
    for zone in _zones(store, scope, period, now):
        for is_down, count, total in store.execute(_sums(scope, _dialect(store)), zone._asdict()):
            length = count * zone.end - int(total)
            observed += length
            outage += length if is_down else 0
    return observed, outage


def seconds_by_day(store: Session, scope: Scope, period: Period, now: datetime) -> dict[date, Seconds]:
    """The same for each local day that has any."""
    days: dict[date, Seconds] = {}
    for zone in _zones(store, scope, period, now):
        rows = store.execute(_begun_together(scope, _dialect(store)), zone._asdict()).all()
        groups = [
            (is_down, _Together(zone.first + slot * _SLOT, n, int(total))) for is_down, slot, n, total in rows
        ]
        local = clock(zone.name)
        down = _by_day(local, [group for is_down, group in groups if is_down], zone.end)
        for day, length in _by_day(local, [group for _, group in groups], zone.end).items():
            observed, outage = days.get(date_of(day), (0, 0))
            days[date_of(day)] = observed + length, outage + down.get(day, 0)
    return days


class _Together(NamedTuple):
    """`number` intervals that began within a slot from `since` on; `begun` is the sum of their beginnings."""

    since: int
    number: int
    begun: int


def _by_day(local: Clock, groups: list[_Together], end: int) -> dict[int, int]:
    """Seconds by local day. A day that many intervals last through is looked at once."""
    lengths: dict[int, int] = defaultdict(int)
    begun: dict[int, int] = defaultdict(int)
    for since, number, total in groups:
        day = local.reading(since) // DAY
        lengths[day] += number * min(end, local.midnight(day + 1)) - total
        begun[day] += number
    lasting, day = 0, min(begun, default=0)
    while begun and local.midnight(day + 1) < end:
        lasting += begun[day]
        day += 1
        lengths[day] += lasting * (min(end, local.midnight(day + 1)) - local.midnight(day))
    return lengths


def _zones(store: Session, scope: Scope, period: Period, now: datetime) -> list[_Zone]:
    zones = []
    for name in store.scalars(timezones(scope)):
        first, last = period.bounds(name)
        zone = _Zone(name, int(first.timestamp()), int(min(now, last).timestamp()))
        if zone.first < zone.end:
            zones.append(zone)
    return zones


# Statements are built once for each scope and told a `_Zone` when they are executed.


@built_once
def _sums(scope: Scope, dialect: str) -> Select[bool, int, int]:
    begun = _begun(dialect)
    return (
        select(_IS_DOWN, func.count(), func.sum(begun))
        .join(OCPPConnector, ConnectorStatusInterval.ocpp_connector_id == OCPPConnector.id)
        .where(*_open(scope, begun))
        .group_by(_IS_DOWN)
    )


@built_once
def _begun_together(scope: Scope, dialect: str) -> Select[bool, int, int, int]:
    begun = _begun(dialect)
    slot = ((begun - bindparam("first", type_=BigInteger)) // _SLOT).label("slot")
    return (
        select(_IS_DOWN, slot, func.count(), func.sum(begun))
        .join(OCPPConnector, ConnectorStatusInterval.ocpp_connector_id == OCPPConnector.id)
        .where(*_open(scope, begun))
        .group_by(_IS_DOWN, slot)
    )


_IS_DOWN = ConnectorStatusInterval.status.in_(sorted(DOWN_STATUSES)).label("is_down")


def _begun(dialect: str) -> ColumnElement[int]:
    """When within the period an interval began."""
    started_at: ColumnElement[Any] = ConnectorStatusInterval.started_at.expression
    if dialect == "postgresql":
        started_at = func.date_trunc("second", started_at)
    start, first = cast(extract("epoch", started_at), BigInteger), bindparam("first", type_=BigInteger)
    return case((start < first, first), else_=start)


def _open(scope: Scope, begun: ColumnElement[int]) -> list[ColumnElement[bool]]:
    """Conditions on intervals of the zone that have no end yet."""
    of_zone = select(ChargingStation.id).where(ChargingStation.timezone == bindparam("name"))
    stations = scope.stations().where(OCPPStation.charging_station_id.in_(of_zone))
    return [
        ConnectorStatusInterval.ended_at.is_(None),
        OCPPConnector.ocpp_station_id.in_(stations),
        begun < bindparam("end", type_=BigInteger),
    ]


def _dialect(store: Session) -> str:
    return store.get_bind().dialect.name
