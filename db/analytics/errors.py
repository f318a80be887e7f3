"""Which errors connectors reported: by code, by station and over time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, or_, select, true
from sqlalchemy.orm import Session

from db.analytics import error_codes
from db.analytics.scope import Period, Scope
from db.analytics.statements import built_once
from db.analytics.zones import (
    FROM_UTC,
    SINCE,
    UNTIL,
    Zone,
    in_period,
    in_zones,
    is_only_zone,
    of_zone,
    stations_of_zone,
)
from db.clocks import DAY, clock, date_of
from db.columns import UTCDateTime
from db.instants import SummedLengths
from db.membership import among
from db.models import ChargingStation, ConnectorStatusInterval, OCPPConnector, OCPPStation
from db.models.ocpp import TELLS_OF_TROUBLE
from db.prepared import PLANNED_ANEW

_NO_ERROR = ("", "NoError")


@dataclass(frozen=True)
class ErrorTotal:
    """One error over a period: its codes as reported, and what they mean.

    `faults` are reports in which the connector was faulted, `warnings` the others. `time` is how long the
    reports held, up to now.
    """

    error_code: str
    vendor_error_code: str
    faults: int
    warnings: int
    connectors: int
    stations: int
    time: timedelta
    first: datetime
    last: datetime

    @property
    def reports(self) -> int:
        return self.faults + self.warnings

    def __add__(self, other: ErrorTotal) -> ErrorTotal:
        """Of this error at other stations, too."""
        return replace(
            self,
            faults=self.faults + other.faults,
            warnings=self.warnings + other.warnings,
            connectors=self.connectors + other.connectors,
            stations=self.stations + other.stations,
            time=self.time + other.time,
            first=min(self.first, other.first),
            last=max(self.last, other.last),
        )

    @property
    def name(self) -> str:
        return error_codes.name_of(self.error_code, self.vendor_error_code)

    @property
    def words(self) -> str:
        return error_codes.in_words(self.error_code, self.vendor_error_code)


@dataclass(frozen=True)
class StationErrors:
    """What a station (`ocpp_stations.id`) reported over a period: `worst` is the name of its most frequent
    error.
    """

    station_pk: int
    station_name: str
    faults: int
    warnings: int
    time: timedelta
    worst: str


def by_code(store: Session, scope: Scope, period: Period | None, now: datetime) -> list[ErrorTotal]:
    """The errors reported in the period by the stations' clocks, the most frequent first."""
    totals: dict[tuple[str, str], ErrorTotal] = {}
    for *row, _ in _rows_by_code(store, scope, period, now):
        found = _total(*row)
        known = totals.get((found.error_code, found.vendor_error_code))
        totals[found.error_code, found.vendor_error_code] = known + found if known else found
    return sorted(totals.values(), key=lambda each: (-each.reports, each.error_code, each.vendor_error_code))


def _rows_by_code(
    store: Session, scope: Scope, period: Period | None, now: datetime
) -> list[tuple[Any, ...]]:
    """Of each zone, whose connectors and stations are no other's; without a period all are as one."""
    dialect = store.get_bind().dialect.name
    if period is None:
        return list(_by_code(scope, dialect, True, False).rows(store, {"now": now}))

    def ask(zone: Zone) -> Sequence[tuple[Any, ...]]:
        return _by_code(scope, dialect, zone.is_only, True).rows(store, {**zone.told, "now": now})

    found = in_zones(store, scope, period, ask, is_only=itemgetter(-1))
    return [row for _, rows in found for row in rows]


@built_once
def _by_code(scope: Scope, dialect: str, is_only: bool, in_period: bool) -> Select[*tuple[Any, ...]]:
    found = _by_connector(scope, dialect, is_only, in_period).subquery().c
    totals = select(
        found.error_code,
        found.vendor_error_code,
        func.sum(found.faults),
        func.sum(found.reports),
        func.count(),
        func.count(found.ocpp_station_id.distinct()),
        func.sum(found.seconds),
        func.min(found.first),
        func.max(found.last),
        is_only_zone(scope) if in_period else true(),
    ).group_by(found.error_code, found.vendor_error_code)
    # A plan for few connectors is good for any period; one for all of them depends on it.
    return totals.execution_options(**PLANNED_ANEW) if scope.kind == "network" else totals


def _by_connector(scope: Scope, dialect: str, is_only: bool, in_period: bool) -> Select[*tuple[Any, ...]]:
    """What each connector reported, by code: what is left for the stations to be counted is little."""
    reported, station = ConnectorStatusInterval, OCPPConnector.ocpp_station_id
    groups = (reported.ocpp_connector_id, reported.error_code, reported.vendor_error_code)
    times = (reported.started_at >= SINCE, reported.started_at < UNTIL) if in_period else ()
    sums = select(
        *groups,
        func.count().filter(_IS_FAULT).label("faults"),
        func.count().label("reports"),
        _time(bindparam("now", type_=UTCDateTime())).label("seconds"),
        func.min(reported.started_at).label("first"),
        func.max(reported.started_at).label("last"),
    ).where(TELLS_OF_TROUBLE, _NAMES_AN_ERROR, *times)
    if scope.kind == "network" or dialect == "sqlite":
        found = sums.where(*of_zone(scope, is_only)).group_by(*groups).subquery()
        return select(found, station).join(OCPPConnector, found.c.ocpp_connector_id == OCPPConnector.id)
    # PostgreSQL had better find few connectors with their stations, and then what they reported.
    return (
        sums.add_columns(station)
        .join(OCPPConnector, reported.ocpp_connector_id == OCPPConnector.id)
        .where(among(station, stations_of_zone(scope, is_only)))
        .group_by(*groups, station)
    )


def by_station(store: Session, scope: Scope, period: Period | None, now: datetime) -> list[StationErrors]:
    """The stations that reported errors in the period, those with the most faults first."""
    reported, reports = ConnectorStatusInterval, func.count()
    query = _joined(
        select(
            OCPPStation.id,
            ChargingStation.name,
            reported.error_code,
            reported.vendor_error_code,
            reports.filter(_IS_FAULT),
            reports,
            _time(now),
        )
    )
    rows = store.execute(
        query.where(*_reported(store, scope, period))
        .group_by(OCPPStation.id, ChargingStation.name, reported.error_code, reported.vendor_error_code)
        .order_by(ChargingStation.name, OCPPStation.id, reports.desc(), reported.error_code)
    )
    found = [_of_station(list(theirs)) for _, theirs in groupby(rows, key=lambda row: row[0])]
    return sorted(found, key=lambda each: (-each.faults, -each.warnings))


def by_day(store: Session, scope: Scope, period: Period) -> dict[date, Counter[str]]:
    """How often each error, by its name, was reported on each local day that had any."""
    reported = ConnectorStatusInterval
    query = _joined(
        select(ChargingStation.timezone, reported.started_at, reported.error_code, reported.vendor_error_code)
    )
    days: dict[date, Counter[str]] = defaultdict(Counter)
    for timezone, at, code, vendor_code in store.execute(query.where(*_reported(store, scope, period))):
        day = date_of(clock(timezone).reading(int(at.timestamp())) // DAY)
        days[day][error_codes.name_of(code, vendor_code)] += 1
    return dict(sorted(days.items()))


_IS_FAULT = and_(
    ConnectorStatusInterval.status == "faulted",
    ConnectorStatusInterval.error_code.not_in(error_codes.ALWAYS_A_WARNING),
)
_NAMES_AN_ERROR = or_(
    ConnectorStatusInterval.error_code.not_in(_NO_ERROR), ConnectorStatusInterval.vendor_error_code != ""
)


def _joined(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    return (
        query.select_from(ConnectorStatusInterval)
        .join(OCPPConnector, ConnectorStatusInterval.ocpp_connector_id == OCPPConnector.id)
        .join(OCPPStation, OCPPConnector.ocpp_station_id == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
    )


def _reported(store: Session, scope: Scope, period: Period | None) -> list[ColumnElement[bool]]:
    return [
        TELLS_OF_TROUBLE,
        OCPPConnector.ocpp_station_id.in_(scope.stations()),
        _NAMES_AN_ERROR,
        *(_began_in(store, scope, period) if period else []),
    ]


def _time(now: Any) -> ColumnElement[int]:
    """The seconds that the reports held, up to now."""
    reported = ConnectorStatusInterval
    return SummedLengths(reported.started_at, func.coalesce(reported.ended_at, now))


def _of_station(rows: list[Any]) -> StationErrors:
    """Of one station's rows, the most frequent error first."""
    pk, name, code, vendor_code = rows[0][:4]
    faults, reports, seconds = (sum(int(row[column]) for row in rows) for column in (4, 5, 6))
    return StationErrors(
        station_pk=pk,
        station_name=name,
        faults=faults,
        warnings=reports - faults,
        time=timedelta(seconds=max(0, seconds)),
        worst=error_codes.name_of(code, vendor_code),
    )


def _total(code: str, vendor_code: str, faults: int, reports: int, *rest: Any) -> ErrorTotal:
    connectors, stations, seconds, first, last = rest
    time, warnings = timedelta(seconds=max(0, int(seconds))), int(reports - faults)
    return ErrorTotal(code, vendor_code, int(faults), warnings, connectors, stations, time, first, last)


def _began_in(store: Session, scope: Scope, period: Period) -> list[ColumnElement[bool]]:
    """In the period by the clock of each connector's own station."""
    began = ConnectorStatusInterval.started_at
    # What holds in all zones lets an index help.
    earliest, latest = period.bounds("UTC")
    return [
        began >= earliest - FROM_UTC,
        began < latest + FROM_UTC,
        in_period(store, scope, period, began),
    ]
