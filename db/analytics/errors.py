"""Which errors connectors reported: by code, by station and over time."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, bindparam, extract, false, func, or_, select
from sqlalchemy.orm import Session

from db.analytics import error_codes
from db.analytics.scope import SINCE, UNTIL, Period, Scope, built_once, of_zone, zones
from db.clocks import DAY, clock, date_of
from db.columns import UTCDateTime
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
    for told in _zones(store, scope, period, now):
        query = _by_code(scope, store.get_bind().dialect.name, told.is_only, period is not None)
        for row in query.rows(store, told.values):
            found = _total(*row)
            known = totals.get((found.error_code, found.vendor_error_code))
            totals[found.error_code, found.vendor_error_code] = known + found if known else found
    return sorted(totals.values(), key=lambda each: (-each.reports, each.error_code, each.vendor_error_code))


class _Told(NamedTuple):
    is_only: bool
    values: dict[str, Any]


def _zones(store: Session, scope: Scope, period: Period | None, now: datetime) -> list[_Told]:
    """What statements are to be told of each zone, whose connectors and stations are no other's; without a
    period all are as one.
    """
    if period is None:
        return [_Told(True, {"now": now})]
    return [_Told(zone.is_only, {**zone.told, "now": now}) for zone in zones(store, scope, period)]


@built_once
def _by_code(scope: Scope, dialect: str, is_only: bool, in_period: bool) -> Select[*tuple[Any, ...]]:
    reported = ConnectorStatusInterval
    times = (reported.started_at >= SINCE, reported.started_at < UNTIL) if in_period else ()
    # By connector first, as the index has them: what is left for the stations to be counted is little.
    found = (
        select(
            reported.error_code,
            reported.vendor_error_code,
            reported.ocpp_connector_id,
            func.count().filter(_IS_FAULT).label("faults"),
            func.count().label("reports"),
            _time(dialect, bindparam("now", type_=UTCDateTime())).label("seconds"),
            func.min(reported.started_at).label("first"),
            func.max(reported.started_at).label("last"),
        )
        .where(TELLS_OF_TROUBLE, _NAMES_AN_ERROR, *times, *of_zone(scope, is_only))
        .group_by(reported.ocpp_connector_id, reported.error_code, reported.vendor_error_code)
        .subquery()
        .c
    )
    totals = (
        select(
            found.error_code,
            found.vendor_error_code,
            func.sum(found.faults),
            func.sum(found.reports),
            func.count(),
            func.count(OCPPConnector.ocpp_station_id.distinct()),
            func.sum(found.seconds),
            func.min(found.first),
            func.max(found.last),
        )
        .join(OCPPConnector, found.ocpp_connector_id == OCPPConnector.id)
        .group_by(found.error_code, found.vendor_error_code)
    )
    # A plan for few connectors is good for any period; one for all of them depends on it.
    return totals.execution_options(**PLANNED_ANEW) if scope.kind == "network" else totals


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
            _time(store.get_bind().dialect.name, now),
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
        *([_began_in(store, period)] if period else []),
    ]


def _time(dialect: str, now: Any) -> ColumnElement[Any]:
    """The seconds that the reports held, up to now."""
    began, ended = ConnectorStatusInterval.started_at, func.coalesce(ConnectorStatusInterval.ended_at, now)
    if dialect == "postgresql":
        # There the seconds of a time are a decimal number, which costs more than all else that is summed.
        return extract("epoch", func.sum(ended - began))
    return func.sum(extract("epoch", ended) - extract("epoch", began))


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


def _began_in(store: Session, period: Period) -> ColumnElement[bool]:
    """In the period by the clock of each connector's own station."""
    began = ConnectorStatusInterval.started_at
    conditions: list[ColumnElement[bool]] = [false()]
    for timezone in store.scalars(select(ChargingStation.timezone).distinct()):
        start, end = period.bounds(timezone)
        conditions.append(and_(ChargingStation.timezone == timezone, began >= start, began < end))
    return or_(*conditions)
