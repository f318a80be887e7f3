"""Which errors connectors reported: by code, by station and over time."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, extract, false, func, or_, select
from sqlalchemy.orm import Session

from db.analytics import error_codes
from db.analytics.scope import Period, Scope
from db.clocks import DAY, clock, date_of
from db.models import ChargingStation, ConnectorStatusInterval, OCPPConnector, OCPPStation
from db.models.ocpp import TELLS_OF_TROUBLE

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
    reported, reports = ConnectorStatusInterval, func.count()
    query = _joined(
        select(
            reported.error_code,
            reported.vendor_error_code,
            reports.filter(_IS_FAULT),
            reports,
            func.count(reported.ocpp_connector_id.distinct()),
            func.count(OCPPConnector.ocpp_station_id.distinct()),
            _time(now),
            func.min(reported.started_at),
            func.max(reported.started_at),
        )
    )
    rows = store.execute(
        query.where(*_reported(store, scope, period))
        .group_by(reported.error_code, reported.vendor_error_code)
        .order_by(reports.desc(), reported.error_code, reported.vendor_error_code)
    )
    return [_total(*row) for row in rows]


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


def _joined(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    return (
        query.select_from(ConnectorStatusInterval)
        .join(OCPPConnector, ConnectorStatusInterval.ocpp_connector_id == OCPPConnector.id)
        .join(OCPPStation, OCPPConnector.ocpp_station_id == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
    )


def _reported(store: Session, scope: Scope, period: Period | None) -> list[ColumnElement[bool]]:
    reported = ConnectorStatusInterval
    return [
        TELLS_OF_TROUBLE,
        OCPPConnector.ocpp_station_id.in_(scope.stations()),
        or_(reported.error_code.not_in(_NO_ERROR), reported.vendor_error_code != ""),
        *([_began_in(store, period)] if period else []),
    ]


def _time(now: datetime) -> ColumnElement[Any]:
    reported = ConnectorStatusInterval
    return func.sum(_seconds(func.coalesce(reported.ended_at, now)) - _seconds(reported.started_at))


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
    time = timedelta(seconds=max(0, int(seconds)))
    return ErrorTotal(code, vendor_code, faults, reports - faults, connectors, stations, time, first, last)


def _seconds(time: Any) -> ColumnElement[Any]:
    return extract("epoch", time)


def _began_in(store: Session, period: Period) -> ColumnElement[bool]:
    """In the period by the clock of each connector's own station."""
    began = ConnectorStatusInterval.started_at
    conditions: list[ColumnElement[bool]] = [false()]
    for timezone in store.scalars(select(ChargingStation.timezone).distinct()):
        start, end = period.bounds(timezone)
        conditions.append(and_(ChargingStation.timezone == timezone, began >= start, began < end))
    return or_(*conditions)
