"""Status intervals that have not ended yet. Rollups hold the ended ones; a read adds these to them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date, datetime
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Select, bindparam, case, cast, func, select
from sqlalchemy.orm import Session

from db.analytics.outcome import DOWN_STATUSES
from db.analytics.scope import Period, Scope
from db.analytics.statements import built_once
from db.analytics.zones import SINCE, UNTIL, Zone, in_zones, is_only_zone, of_zone
from db.clocks import DAY, Clock, clock, date_of
from db.instants import Seconds
from db.models import ConnectorStatusInterval, OCPPConnector
from db.prepared import Prepared

Lengths = tuple[int, int]  # observed, outage

# Days begin at full quarters of an hour after one another, wherever clocks jump, so that what began within
# the same one began on the same day.
_SLOT = 900


class Passed(NamedTuple):
    """The part of a period that has passed by a zone's clocks, also in seconds since 1970."""

    zone: Zone
    first: int
    end: int

    @property
    def told(self) -> dict[str, Any]:
        return {**self.zone.told, "first": self.first, "end": self.end}


def seconds_by_day(store: Session, scope: Scope, period: Period, now: datetime) -> dict[date, Lengths]:
    """The same for each local day that has any."""
    days: dict[date, Lengths] = {}
    for passed, rows in asked(store, scope, period, now, _begun_together):
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


def seconds_by_station(store: Session, scope: Scope, period: Period, now: datetime) -> dict[int, Lengths]:
    """The same for each station, by `ocpp_stations.id`."""
    stations: dict[int, Lengths] = {}
    for passed, rows in asked(store, scope, period, now, _sums_by_station):
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


def asked(
    store: Session,
    scope: Scope,
    period: Period,
    now: datetime,
    statement: Callable[[Scope, bool], Prepared[*tuple[Any, ...]]],
) -> list[tuple[Passed, Sequence[tuple[Any, ...]]]]:
    """The rows of each zone. `statement` is built for a scope and whether the zone is its only one, and says
    last of each row whether it is (`is_only_zone`); it is told a `Passed` and the period.
    """

    def ask(zone: Zone) -> Sequence[tuple[Any, ...]]:
        return statement(scope, zone.is_only).rows(store, {**period.told, **_passed(zone, now).told})

    found = in_zones(store, scope, period, ask, is_only=itemgetter(-1))
    return [(_passed(zone, now), rows) for zone, rows in found]


def _passed(zone: Zone, now: datetime) -> Passed:
    until = min(now, zone.until).replace(microsecond=0)
    first = int(zone.since.timestamp())
    return Passed(zone._replace(until=until), first, max(first, int(until.timestamp())))


def lengths(scope: Scope, is_only: bool) -> Select[int, int]:
    """One row with the observed and the outage seconds within a `Passed`; None where none is open."""
    length = bindparam("end", type_=BigInteger) - _begun()
    observed, outage = func.sum(length), func.sum(length).filter(_IS_DOWN)
    return select(cast(observed, BigInteger), cast(outage, BigInteger)).where(*_open(scope, is_only))


# Statements are built once for each scope and told a `Passed` when they are executed.


@built_once
def _sums_by_station(scope: Scope, is_only: bool) -> Select[*tuple[Any, ...]]:
    sums = _summed(scope, is_only, OCPPConnector.ocpp_station_id, _IS_DOWN)
    return sums.join(OCPPConnector, ConnectorStatusInterval.ocpp_connector_id == OCPPConnector.id)


@built_once
def _begun_together(scope: Scope, is_only: bool) -> Select[*tuple[Any, ...]]:
    since = _begun() - bindparam("first", type_=BigInteger)
    return _summed(scope, is_only, _IS_DOWN, (since // _SLOT).label("slot"))


def _summed(scope: Scope, is_only: bool, *groups: Any) -> Select[*tuple[Any, ...]]:
    sums = select(*groups, func.count(), func.sum(_begun()), is_only_zone(scope))
    return sums.where(*_open(scope, is_only)).group_by(*groups)


_IS_DOWN = ConnectorStatusInterval.status.in_(sorted(DOWN_STATUSES))


def _begun() -> ColumnElement[int]:
    """When within the period an interval began."""
    started_at: ColumnElement[Any] = ConnectorStatusInterval.started_at.expression
    # Compared as the time that it is: to count its seconds costs most.
    is_before = started_at < SINCE
    return case((is_before, bindparam("first", type_=BigInteger)), else_=Seconds(started_at))


def _open(scope: Scope, is_only: bool) -> list[ColumnElement[bool]]:
    """Conditions on intervals of the zone that have no end yet."""
    return [
        ConnectorStatusInterval.ended_at.is_(None),
        ConnectorStatusInterval.started_at < UNTIL,
        *of_zone(scope, is_only),
    ]
