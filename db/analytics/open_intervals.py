"""Status intervals that have not ended yet. Rollups hold the ended ones; a read adds these to them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date, datetime
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Select, bindparam, case, cast, extract, func, select
from sqlalchemy.orm import Session

from db.analytics.outcome import DOWN_STATUSES
from db.analytics.scope import Period, Scope
from db.analytics.statements import built_once
from db.analytics.zones import SINCE, UNTIL, Zone, in_zones, is_only_zone, of_zone
from db.clocks import DAY, Clock, clock, date_of
from db.models import ConnectorStatusInterval, OCPPConnector
from db.prepared import Prepared

Seconds = tuple[int, int]  # observed, outage

# Days begin at full quarters of an hour after one another, wherever clocks jump, so that what began within
# the same one began on the same day.
_SLOT = 900


class _Passed(NamedTuple):
    """The part of a period that has passed by a zone's clocks, also in seconds since 1970."""

    zone: Zone
    first: int
    end: int

    @property
    def has_begun(self) -> bool:
        return self.first < self.end

    @property
    def told(self) -> dict[str, Any]:
        return {**self.zone.told, "first": self.first}


def seconds(store: Session, scope: Scope, period: Period, now: datetime) -> Seconds:
    """Observed and outage seconds of the open intervals within `period`, up to `now`."""
    observed = outage = 0
    for passed, rows in _asked(store, scope, period, now, _sums):
        for is_down, count, total, _ in rows:
            length = count * passed.end - int(total)
            observed += length
            outage += length if is_down else 0
    return observed, outage


def seconds_by_day(store: Session, scope: Scope, period: Period, now: datetime) -> dict[date, Seconds]:
    """The same for each local day that has any."""
    days: dict[date, Seconds] = {}
    for passed, rows in _asked(store, scope, period, now, _begun_together):
        groups = [
            (is_down, _Together(passed.first + slot * _SLOT, n, int(total)))
            for is_down, slot, n, total, _ in rows
        ]
        local = clock(passed.zone.name)
        down = _by_day(local, [group for is_down, group in groups if is_down], passed.end)
        for day, length in _by_day(local, [group for _, group in groups], passed.end).items():
            observed, outage = days.get(date_of(day), (0, 0))
            days[date_of(day)] = observed + length, outage + down.get(day, 0)
    return days


def seconds_by_station(store: Session, scope: Scope, period: Period, now: datetime) -> dict[int, Seconds]:
    """The same for each station, by `ocpp_stations.id`."""
    stations: dict[int, Seconds] = {}
    for passed, rows in _asked(store, scope, period, now, _sums_by_station):
        for pk, is_down, count, total, _ in rows:
            length = count * passed.end - int(total)
            observed, outage = stations.get(pk, (0, 0))
            stations[pk] = observed + length, outage + (length if is_down else 0)
    return stations


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


def _asked(
    store: Session,
    scope: Scope,
    period: Period,
    now: datetime,
    statement: Callable[[Scope, str, bool], Prepared[*tuple[Any, ...]]],
) -> list[tuple[_Passed, Sequence[tuple[Any, ...]]]]:
    """The rows of each zone in which the period has begun."""
    dialect = store.get_bind().dialect.name

    def ask(zone: Zone) -> Sequence[tuple[Any, ...]]:
        passed = _passed(zone, now)
        return statement(scope, dialect, zone.is_only).rows(store, passed.told) if passed.has_begun else ()

    found = in_zones(store, scope, period, ask, is_only=itemgetter(-1))
    return [(_passed(zone, now), rows) for zone, rows in found if rows]


def _passed(zone: Zone, now: datetime) -> _Passed:
    until = min(now, zone.until).replace(microsecond=0)
    return _Passed(zone._replace(until=until), int(zone.since.timestamp()), int(until.timestamp()))


# Statements are built once for each scope and told what has `_Passed` when they are executed.


@built_once
def _sums(scope: Scope, dialect: str, is_only: bool) -> Select[*tuple[Any, ...]]:
    return _summed(scope, dialect, is_only, _IS_DOWN)


@built_once
def _sums_by_station(scope: Scope, dialect: str, is_only: bool) -> Select[*tuple[Any, ...]]:
    sums = _summed(scope, dialect, is_only, OCPPConnector.ocpp_station_id, _IS_DOWN)
    return sums.join(OCPPConnector, ConnectorStatusInterval.ocpp_connector_id == OCPPConnector.id)


@built_once
def _begun_together(scope: Scope, dialect: str, is_only: bool) -> Select[*tuple[Any, ...]]:
    since = _begun(dialect) - bindparam("first", type_=BigInteger)
    return _summed(scope, dialect, is_only, _IS_DOWN, (since // _SLOT).label("slot"))


def _summed(scope: Scope, dialect: str, is_only: bool, *groups: Any) -> Select[*tuple[Any, ...]]:
    sums = select(*groups, func.count(), func.sum(_begun(dialect)), is_only_zone(scope))
    return sums.where(*_open(scope, is_only)).group_by(*groups)


_IS_DOWN = ConnectorStatusInterval.status.in_(sorted(DOWN_STATUSES)).label("is_down")


def _begun(dialect: str) -> ColumnElement[int]:
    """When within the period an interval began."""
    started_at: ColumnElement[Any] = ConnectorStatusInterval.started_at.expression
    # Compared as the time that it is: to count its seconds costs most.
    is_before = started_at < SINCE
    if dialect == "postgresql":
        started_at = func.date_trunc("second", started_at)
    seconds = cast(extract("epoch", started_at), BigInteger)
    return case((is_before, bindparam("first", type_=BigInteger)), else_=seconds)


def _open(scope: Scope, is_only: bool) -> list[ColumnElement[bool]]:
    """Conditions on intervals of the zone that have no end yet."""
    return [
        ConnectorStatusInterval.ended_at.is_(None),
        ConnectorStatusInterval.started_at < UNTIL,
        *of_zone(scope, is_only),
    ]
