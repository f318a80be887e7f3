"""Sessions as rows behind KPIs: those that ended in a period, and those that began in it, hour by hour."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, literal, not_, select
from sqlalchemy.orm import Session

from db.analytics.definitions.sql import (
    clocks,
    days,
    greatest,
    hour_of,
    hours_of_longest,
    least,
    seconds,
    weekday_of,
)
from db.analytics.outcome import ENDED_STATUSES, SUCCESS_OVER_WH, VALID_STOP_REASONS
from db.analytics.scope import Period, Scope
from db.clocks import HOUR
from db.models import ChargingSession, ChargingStation, OCPPConnector, OCPPStation
from db.sums import LONGEST

_Columns = tuple[str, ...]
_Rows = Select[*tuple[Any, ...]]

_REASON = func.coalesce(func.nullif(ChargingSession.stop_reason, ""), "Local")
_ENERGY = func.coalesce(ChargingSession.energy_wh, 0)
_IS_OVER = and_(ChargingSession.status.in_(sorted(ENDED_STATUSES)), ChargingSession.stop_time.is_not(None))
_HAS_BEGUN = ChargingSession.status != "pending"

COLUMNS: dict[str, ColumnElement[Any]] = {
    "station": ChargingStation.name.expression,
    "station_id": OCPPStation.station_id.expression,
    "connector": OCPPConnector.connector_id.expression,
    "transaction_id": ChargingSession.transaction_id.expression,
    "started_at": ChargingSession.start_time.expression,
    "ended_at": ChargingSession.stop_time.expression,
    "timezone": ChargingStation.timezone.expression,
    "energy_wh": _ENERGY,
    "cost": func.coalesce(ChargingSession.cost, 0),
    "tax": func.coalesce(ChargingSession.tax, 0),
    "currency": ChargingStation.currency.expression,
    "stop_reason": ChargingSession.stop_reason.expression,
    "id_tag": ChargingSession.id_tag.expression,
    "is_failed": not_(and_(_ENERGY > SUCCESS_OVER_WH, _REASON.in_(sorted(VALID_STOP_REASONS)))),
}


def with_energy(store: Session, scope: Scope, period: Period, now: datetime, columns: _Columns) -> _Rows:
    """Those that ended in the period having delivered energy."""
    return attempts(store, scope, period, now, columns).where(ChargingSession.energy_wh > 0)


def attempts(store: Session, scope: Scope, period: Period, _now: datetime, columns: _Columns) -> _Rows:
    """All that ended in the period, by the clock of their station."""
    of_zone = days(store, scope, period)
    stop = ChargingSession.stop_time
    return (
        _of(scope, _selected(columns))
        .join(of_zone.table, of_zone.table.c.zone == ChargingStation.timezone)
        .where(_IS_OVER, stop >= of_zone.earliest, stop < of_zone.latest)
        .where(stop >= of_zone.table.c.first, stop < of_zone.table.c.until)
        .order_by(stop.desc(), ChargingSession.id.desc())
    )


def begun(store: Session, scope: Scope, period: Period, _now: datetime, columns: _Columns) -> _Rows:
    """Those that began in the period, with the hour and the weekday at which the station's clock stood."""
    local, of_zone = clocks(store, scope, period), days(store, scope, period)
    at, start = seconds(ChargingSession.start_time), ChargingSession.start_time
    hours = (at + local.c.ahead) // HOUR
    more = {"hour": hour_of(hours), "weekday": weekday_of(hours)}
    return (
        _of(scope, _selected(columns, more))
        .join(local, local.c.zone == ChargingStation.timezone)
        .where(_HAS_BEGUN, start >= of_zone.earliest, start < of_zone.latest)
        .where(at >= local.c.since, at < local.c.until)
        .order_by(start.desc(), ChargingSession.id.desc())
    )


def flow(store: Session, scope: Scope, period: Period, _now: datetime, columns: _Columns) -> _Rows:
    """The energy of sessions by the hours in which it flowed: evenly, while they charged (see `db.sums`)."""
    local, number, of_zone = clocks(store, scope, period), hours_of_longest(), days(store, scope, period)
    stop, longest = seconds(ChargingSession.stop_time), int(LONGEST.total_seconds())
    start = greatest(seconds(ChargingSession.start_time), stop - longest)
    charging = _charging(stop - start)
    first, last = greatest(start, local.c.since), least(start + charging, local.c.until)
    first_hour, last_hour = (first + local.c.ahead) // HOUR, (last - 1 + local.c.ahead) // HOUR
    hours = first_hour + number.c.number
    part_start = greatest(first, hours * HOUR - local.c.ahead)
    part_end = least(last, (hours + 1) * HOUR - local.c.ahead)
    # What has flowed by the end of each hour is rounded, so that the hours add up to the whole.
    energy = _ENERGY * (part_end - start) // charging - _ENERGY * (part_start - start) // charging
    more = {"hour": hour_of(hours), "weekday": weekday_of(hours), "energy_wh": energy}
    times = ChargingSession.stop_time
    return (
        _of(scope, _selected(columns, more))
        .join(local, local.c.zone == ChargingStation.timezone)
        .join(number, number.c.number <= last_hour - first_hour)
        .where(_IS_OVER, ChargingSession.energy_wh > 0)
        .where(times > of_zone.earliest, times < of_zone.latest + LONGEST)
        .where(start < local.c.until, start + charging > local.c.since, charging > 0, energy > 0)
        .order_by(times.desc(), ChargingSession.id.desc(), local.c.since, number.c.number)
    )


def _charging(length: ColumnElement[int]) -> ColumnElement[int]:
    """The seconds in which energy flowed, as long as the session lasted where they are not known."""
    return greatest(literal(0), least(length, func.coalesce(ChargingSession.charging_seconds, length)))


def _selected(
    columns: _Columns, more: dict[str, ColumnElement[Any]] | None = None
) -> Select[*tuple[Any, ...]]:
    known = COLUMNS | (more or {})
    return select(*(known[name].label(name) for name in columns))


def _of(scope: Scope, query: _Rows) -> _Rows:
    """Sessions of the scope with their places."""
    return (
        query.select_from(ChargingSession)
        .join(OCPPStation, ChargingSession.ocpp_station_id == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .outerjoin(OCPPConnector, ChargingSession.ocpp_connector_id == OCPPConnector.id)
        .where(ChargingSession.ocpp_station_id.in_(scope.stations()))
    )
