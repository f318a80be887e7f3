"""Which errors connectors reported, how often and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, extract, false, func, or_, select
from sqlalchemy.orm import Session

from db.analytics import error_codes
from db.analytics.scope import Period, Scope
from db.models import ChargingStation, ConnectorStatusInterval, OCPPConnector, OCPPStation

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
    def words(self) -> str:
        return error_codes.in_words(self.error_code, self.vendor_error_code)


def by_code(store: Session, scope: Scope, period: Period | None, now: datetime) -> list[ErrorTotal]:
    """The errors reported in the period by the stations' clocks, the most frequent first."""
    reported = ConnectorStatusInterval
    is_fault = and_(reported.status == "faulted", reported.error_code.not_in(error_codes.ALWAYS_A_WARNING))
    reports = func.count()
    rows = store.execute(
        select(
            reported.error_code,
            reported.vendor_error_code,
            reports.filter(is_fault),
            reports,
            func.count(reported.ocpp_connector_id.distinct()),
            func.count(OCPPConnector.ocpp_station_id.distinct()),
            func.sum(_seconds(func.coalesce(reported.ended_at, now)) - _seconds(reported.started_at)),
            func.min(reported.started_at),
            func.max(reported.started_at),
        )
        .join(OCPPConnector, reported.ocpp_connector_id == OCPPConnector.id)
        .join(OCPPStation, OCPPConnector.ocpp_station_id == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .where(
            OCPPConnector.ocpp_station_id.in_(scope.stations()),
            or_(reported.error_code.not_in(_NO_ERROR), reported.vendor_error_code != ""),
            *([_began_in(store, period)] if period else []),
        )
        .group_by(reported.error_code, reported.vendor_error_code)
        .order_by(reports.desc(), reported.error_code, reported.vendor_error_code)
    )
    return [_total(*row) for row in rows]


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
