"""Status intervals as rows behind KPIs, clipped to a period and to now, in whole seconds."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Select,
    case,
    cast,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.orm import Session

from db.analytics import availability
from db.analytics.definitions.sql import days, greatest, least, merged
from db.analytics.outcome import DOWN_STATUSES
from db.analytics.scope import Period, Scope
from db.instants import Seconds
from db.models import (
    ChargingConnector,
    ChargingStation,
    ConnectorStatusInterval,
    OCPPConnector,
    OCPPStation,
    OutageExclusion,
)

_Columns = tuple[str, ...]
_Rows = Select[*tuple[Any, ...]]

_IS_DOWN = ConnectorStatusInterval.status.in_(sorted(DOWN_STATUSES))
_IS_OUT_OF_SERVICE = ConnectorStatusInterval.status.in_(("faulted", "unavailable"))
_IS_RAPID = ChargingConnector.power_w >= availability.UK_RAPID_W
_NO_ERROR = ("", "NoError")

COLUMNS: dict[str, ColumnElement[Any]] = {
    "station": ChargingStation.name.expression,
    "station_id": OCPPStation.station_id.expression,
    "connector": OCPPConnector.connector_id.expression,
    "timezone": ChargingStation.timezone.expression,
    "status": ConnectorStatusInterval.status.expression,
    "error_code": ConnectorStatusInterval.error_code.expression,
    "vendor_error_code": ConnectorStatusInterval.vendor_error_code.expression,
    "started_at": ConnectorStatusInterval.started_at.expression,
    "ended_at": ConnectorStatusInterval.ended_at.expression,
    "rated_w": ChargingConnector.power_w.expression,
}


def observed(store: Session, scope: Scope, period: Period, now: datetime, columns: _Columns) -> _Rows:
    """What connectors were in the period, up to now, and for how long of it."""
    of_zone = days(store, scope, period)
    first, last = _clipped(of_zone.table, now)
    length = last - first
    excluded = _excluded(scope, first, last)
    more = {
        "observed_seconds": length,
        "outage_seconds": case((_IS_DOWN, length), else_=0),
        "excluded_seconds": case((_IS_DOWN, excluded), else_=0),
    }
    started = ConnectorStatusInterval.started_at
    return (
        _of(scope, _selected(columns, more))
        .join(of_zone.table, of_zone.table.c.zone == ChargingStation.timezone)
        .where(started < of_zone.latest, length > 0)
        .where(_ends_after(of_zone.earliest))
        .order_by(started.desc(), ConnectorStatusInterval.id.desc())
    )


def rapid_ports(store: Session, scope: Scope, period: Period, now: datetime, columns: _Columns) -> _Rows:
    """The rapid connectors of which something is known in the period, with the time of it up to now."""
    of_zone = days(store, scope, period)
    first, last = _clipped(of_zone.table, now)
    ports = of_zone.table.c
    more = {
        "open_seconds": least(ports.until_second, _now(now)) - ports.first_second,
        "out_of_service_seconds": func.sum(case((_IS_OUT_OF_SERVICE, last - first), else_=0)),
    }
    grouped = ("station", "station_id", "connector", "timezone", "rated_w")
    return (
        _of(scope, _selected(columns, more))
        .join(of_zone.table, ports.zone == ChargingStation.timezone)
        .where(ConnectorStatusInterval.started_at < of_zone.latest, last > first, _IS_RAPID)
        .where(_ends_after(of_zone.earliest))
        .group_by(OCPPConnector.id, *(COLUMNS[name] for name in grouped))
        .group_by(ports.until_second, ports.first_second)
        .order_by(ChargingStation.name, OCPPStation.station_id, OCPPConnector.connector_id)
    )


def reported_errors(store: Session, scope: Scope, period: Period, _now: datetime, columns: _Columns) -> _Rows:
    """The reports in the period that named an error."""
    of_zone, began = days(store, scope, period), ConnectorStatusInterval.started_at
    code = ConnectorStatusInterval.error_code
    return (
        _of(scope, _selected(columns))
        .join(of_zone.table, of_zone.table.c.zone == ChargingStation.timezone)
        .where(began >= of_zone.table.c.first, began < of_zone.table.c.until)
        .where(or_(code.not_in(_NO_ERROR), ConnectorStatusInterval.vendor_error_code != ""))
        .order_by(began.desc(), ConnectorStatusInterval.id.desc())
    )


def _clipped(of_zone: CTE, now: datetime) -> tuple[ColumnElement[int], ColumnElement[int]]:
    """When within the period an interval began, and when it ended; one that is open lasts until now."""
    ended = func.coalesce(Seconds(ConnectorStatusInterval.ended_at), _now(now))
    return (
        greatest(Seconds(ConnectorStatusInterval.started_at), of_zone.c.first_second),
        least(ended, of_zone.c.until_second),
    )


def _now(now: datetime) -> ColumnElement[int]:
    return literal(int(now.timestamp()), BigInteger)


def _ends_after(earliest: datetime) -> ColumnElement[bool]:
    ended = ConnectorStatusInterval.ended_at
    return or_(ended.is_(None), ended > earliest)


def _excluded(scope: Scope, first: ColumnElement[int], last: ColumnElement[int]) -> ColumnElement[int]:
    """How long of it an exclusion holds, whether one or several at once."""
    holding = _without_overlaps(scope)
    overlap = least(holding.c.last, last) - greatest(holding.c.first, first)
    return (
        select(cast(func.coalesce(func.sum(overlap), 0), BigInteger))
        .where(holding.c.connector == ConnectorStatusInterval.ocpp_connector_id)
        .where(holding.c.first < last, holding.c.last > first)
        .scalar_subquery()
    )


def _without_overlaps(scope: Scope) -> CTE:
    """The time that is excluded for each connector, by its own exclusions and its station's, once each."""
    held = (
        select(
            OCPPConnector.id.label("connector"),
            Seconds(OutageExclusion.started_at).label("first"),
            Seconds(OutageExclusion.ended_at).label("last"),
        )
        .join(OCPPConnector, OCPPConnector.ocpp_station_id == OutageExclusion.ocpp_station_id)
        .where(
            or_(
                OutageExclusion.ocpp_connector_id.is_(None),
                OutageExclusion.ocpp_connector_id == OCPPConnector.id,
            ),
            OutageExclusion.revoked_at.is_(None),
            OutageExclusion.ocpp_station_id.in_(scope.stations()),
        )
        .cte("held")
    )
    return merged(held, "connector")


def _selected(columns: _Columns, more: dict[str, ColumnElement[Any]] | None = None) -> _Rows:
    known = COLUMNS | (more or {})
    return select(*(known[name].label(name) for name in columns))


def _of(scope: Scope, query: _Rows) -> _Rows:
    """Intervals of the scope's connectors with their places."""
    return (
        query.select_from(ConnectorStatusInterval)
        .join(OCPPConnector, ConnectorStatusInterval.ocpp_connector_id == OCPPConnector.id)
        .join(OCPPStation, OCPPConnector.ocpp_station_id == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .outerjoin(ChargingConnector, OCPPConnector.charging_connector_id == ChargingConnector.id)
        .where(OCPPConnector.ocpp_station_id.in_(scope.stations()))
    )
