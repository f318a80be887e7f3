"""Sessions as rows behind KPIs: those that ended in a period, and those that began in it, hour by hour."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    String,
    and_,
    case,
    cast,
    func,
    literal,
    not_,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from db.analytics.definitions.sql import (
    Days,
    clocks,
    day_of,
    days,
    greatest,
    hour_of,
    least,
    numbers,
    seconds,
    time_of,
    weekday_of,
)
from db.analytics.outcome import ENDED_STATUSES, SUCCESS_OVER_WH, VALID_STOP_REASONS
from db.analytics.scope import Period, Scope
from db.clocks import DAY, HOUR
from db.models import ChargingSession, ChargingStation, OCPPConnector, OCPPStation
from db.sums import LONGEST

_Columns = tuple[str, ...]
_Rows = Select[*tuple[Any, ...]]

_REASON = func.coalesce(func.nullif(ChargingSession.stop_reason, ""), "Local")
# In whole numbers of 64 bits, as it is multiplied by seconds.
_WH = cast(func.coalesce(ChargingSession.energy_wh, 0), BigInteger)
_ENERGY = func.coalesce(ChargingSession.energy_wh, 0)
_IS_OVER = and_(ChargingSession.status.in_(sorted(ENDED_STATUSES)), ChargingSession.stop_time.is_not(None))
_LENGTH = seconds(ChargingSession.stop_time) - seconds(ChargingSession.start_time)
_PLACE = ("station", "connector", "timezone")
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
    "duration_seconds": _LENGTH,
    "driver": func.coalesce(
        cast(ChargingSession.user_id, String), func.nullif(func.upper(ChargingSession.id_tag), "")
    ),
    "place_by_energy": func.row_number().over(order_by=_ENERGY),
    "place_by_duration": func.row_number().over(order_by=_LENGTH),
    "place_by_cost": func.row_number().over(
        partition_by=ChargingStation.currency, order_by=ChargingSession.cost
    ),
    "number": func.count().over(),
    "number_in_currency": func.count().over(partition_by=ChargingStation.currency),
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


def with_cost(store: Session, scope: Scope, period: Period, now: datetime, columns: _Columns) -> _Rows:
    """Those that delivered energy and whose cost is known."""
    return with_energy(store, scope, period, now, columns).where(ChargingSession.cost.is_not(None))


def times(store: Session, scope: Scope, period: Period, _now: datetime, columns: _Columns) -> _Rows:
    """Those that were plugged in for some of the period, with what of it they were, and what flowed in it."""
    of_zone, span = days(store, scope, period), _span()
    bounds = of_zone.table.c
    first = greatest(span.start, bounds.first_second)
    last = least(span.stop, bounds.until_second)
    charged = greatest(first, least(span.charged, bounds.until_second))
    more = {
        "occupied_seconds": last - first,
        "charging_seconds": charged - first,
        "idle_seconds": last - charged,
        "energy_wh": case((span.charging > 0, _flowed(span, charged) - _flowed(span, first)), else_=0),
    }
    return (
        _of(scope, _selected(columns, more))
        .join(of_zone.table, bounds.zone == ChargingStation.timezone)
        .where(_IS_OVER, *_around(of_zone), last > first)
        .order_by(ChargingSession.stop_time.desc(), ChargingSession.id.desc())
    )


def power(store: Session, scope: Scope, period: Period, _now: datetime, columns: _Columns) -> _Rows:
    """When sessions began and ended to charge, and the power that all of them drew from then on."""
    of_zone, span = days(store, scope, period), _span()
    bounds = of_zone.table.c
    first, last = greatest(span.start, bounds.first_second), least(span.charged, bounds.until_second)
    # A thousandth of a watt at a time, so that nothing is lost of many small ones.
    milliwatts = _WH * 3_600_000 // span.charging
    charging = (
        _of(scope, _selected((*_PLACE, "id"), {"id": ChargingSession.id.expression}))
        .add_columns(first.label("first"), last.label("last"), milliwatts.label("milliwatts"))
        .join(of_zone.table, bounds.zone == ChargingStation.timezone)
        .where(_IS_OVER, ChargingSession.energy_wh > 0, *_around(of_zone), span.charging > 0, last > first)
        .cte("charging")
    )
    place = [charging.c[name] for name in (*_PLACE, "id")]
    changes = union_all(
        select(*place, charging.c.first.label("at"), charging.c.milliwatts.label("change")),
        select(*place, charging.c.last, -charging.c.milliwatts),
    ).cte("changes")
    # Of all that happens at an instant the sum, as rows with the same time are peers in a window.
    drawn = cast(func.sum(changes.c.change).over(order_by=changes.c.at), BigInteger)
    known = {
        **{name: changes.c[name] for name in _PLACE},
        "at": time_of(changes.c.at),
        "own_power_w": (changes.c.change + 500) // 1000,
        "power_w": (drawn + 500) // 1000,
    }
    return select(*(known[name].label(name) for name in columns)).order_by(
        changes.c.at.desc(), changes.c.id.desc(), changes.c.change
    )


def days_in_use(store: Session, scope: Scope, period: Period, _now: datetime, columns: _Columns) -> _Rows:
    """The local days on which each station was occupied, and for how long its connectors were together."""
    local, number, of_zone = clocks(store, scope, period), numbers(), days(store, scope, period)
    span = _span()
    first, last = greatest(span.start, local.c.since), least(span.stop, local.c.until)
    first_day, last_day = (first + local.c.ahead) // DAY, (last - 1 + local.c.ahead) // DAY
    day = first_day + number.c.number
    length = least(last, (day + 1) * DAY - local.c.ahead) - greatest(first, day * DAY - local.c.ahead)
    known = {
        "station": ChargingStation.name,
        "station_id": OCPPStation.station_id,
        "day": day_of(day * DAY),
        "sessions": func.count(ChargingSession.id.distinct()),
        "occupied_seconds": func.sum(length),
    }
    return (
        _of(scope, select(*(known[name].label(name) for name in columns)))
        .join(local, local.c.zone == ChargingStation.timezone)
        .join(number, number.c.number <= last_day - first_day)
        .where(_IS_OVER, *_around(of_zone), last > first)
        .group_by(OCPPStation.id, ChargingStation.name, OCPPStation.station_id, day)
        .order_by(day.desc(), ChargingStation.name, OCPPStation.id)
    )


def flow(store: Session, scope: Scope, period: Period, _now: datetime, columns: _Columns) -> _Rows:
    """The energy of sessions by the hours in which it flowed: evenly, while they charged (see `db.sums`)."""
    local, number, of_zone = clocks(store, scope, period), numbers(), days(store, scope, period)
    span = _span()
    first, last = greatest(span.start, local.c.since), least(span.charged, local.c.until)
    first_hour, last_hour = (first + local.c.ahead) // HOUR, (last - 1 + local.c.ahead) // HOUR
    hours = first_hour + number.c.number
    part_start = greatest(first, hours * HOUR - local.c.ahead)
    part_end = least(last, (hours + 1) * HOUR - local.c.ahead)
    energy = _flowed(span, part_end) - _flowed(span, part_start)
    more = {"hour": hour_of(hours), "weekday": weekday_of(hours), "energy_wh": energy}
    return (
        _of(scope, _selected(columns, more))
        .join(local, local.c.zone == ChargingStation.timezone)
        .join(number, number.c.number <= last_hour - first_hour)
        .where(_IS_OVER, ChargingSession.energy_wh > 0, *_around(of_zone))
        .where(last > first, span.charging > 0, energy > 0)
        .order_by(ChargingSession.stop_time.desc(), ChargingSession.id.desc(), local.c.since, number.c.number)
    )


class _Span(NamedTuple):
    """The instants of a session: so much of it as counts, and charging from its start on (see `db.sums`)."""

    start: ColumnElement[int]
    stop: ColumnElement[int]
    charging: ColumnElement[int]
    charged: ColumnElement[int]


def _span() -> _Span:
    stop = seconds(ChargingSession.stop_time)
    start = greatest(seconds(ChargingSession.start_time), stop - int(LONGEST.total_seconds()))
    length = stop - start
    known = func.coalesce(ChargingSession.charging_seconds, length)
    charging = greatest(literal(0), least(length, known))
    return _Span(start, stop, charging, start + charging)


def _flowed(span: _Span, until: ColumnElement[int]) -> ColumnElement[int]:
    """What has flowed by an instant, rounded down, so that parts add up to the whole."""
    flowed: ColumnElement[int] = _WH * (until - span.start) // span.charging
    return flowed


def _around(of_zone: Days) -> list[ColumnElement[bool]]:
    """Conditions on the stop that an index knows, for sessions that reach into the period."""
    stop = ChargingSession.stop_time
    return [stop > of_zone.earliest, stop < of_zone.latest + LONGEST]


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
