"""What passed of sessions when, as rows behind KPIs: split over the period, its days and its hours.

Energy is taken to flow evenly from a session's start on while it charges, and of what lasts longer than any
car only the end counts as time: see `db.sums`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import CTE, BigInteger, ColumnElement, Select, case, cast, func, literal, select, union_all
from sqlalchemy.orm import Session

from db.analytics.definitions.session_rows import COLUMNS, ENERGY, IS_OVER, of, selected
from db.analytics.definitions.sql import (
    Days,
    clocks,
    day_of,
    days,
    greatest,
    hour_of,
    least,
    numbers,
    weekday_of,
)
from db.analytics.scope import Period, Scope
from db.clocks import DAY, HOUR
from db.instants import Seconds, TimeOf
from db.models import ChargingSession, ChargingStation
from db.sums import LONGEST

_Columns = tuple[str, ...]
_Rows = Select[*tuple[Any, ...]]

_PLACE = ("station", "connector", "timezone")
# In whole numbers of 64 bits, as it is multiplied by seconds.
_WH = cast(ENERGY, BigInteger)


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
        of(scope, selected(columns, more))
        .join(of_zone.table, bounds.zone == ChargingStation.timezone)
        .where(IS_OVER, *around(of_zone), last > first)
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
        of(scope, selected((*_PLACE, "id"), {"id": ChargingSession.id.expression}))
        .add_columns(first.label("first"), last.label("last"), milliwatts.label("milliwatts"))
        .join(of_zone.table, bounds.zone == ChargingStation.timezone)
        .where(IS_OVER, ChargingSession.energy_wh > 0, *around(of_zone), span.charging > 0, last > first)
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
        "at": TimeOf(changes.c.at),
        "own_power_w": (changes.c.change + 500) // 1000,
        "power_w": (drawn + 500) // 1000,
    }
    return select(*(known[name].label(name) for name in columns)).order_by(
        changes.c.at.desc(), changes.c.id.desc(), changes.c.change
    )


def flow(store: Session, scope: Scope, period: Period, _now: datetime, columns: _Columns) -> _Rows:
    """The energy of sessions by the hours in which it flowed."""
    local, number = clocks(store, scope, period), numbers()
    more = {"wh": _WH, "charged": _span().charging}
    found = _touching(scope, days(store, scope, period), local, HOUR, lambda span: span.charged, more)
    hours = found.c.unit + number.c.number
    first = greatest(found.c.first, hours * HOUR - found.c.ahead)
    last = least(found.c.last, (hours + 1) * HOUR - found.c.ahead)
    energy = _by(last, found) - _by(first, found)
    known = {
        **dict(found.c.items()),
        "hour": hour_of(hours),
        "weekday": weekday_of(hours),
        "energy_wh": energy,
    }
    return (
        select(*(known[name].label(name) for name in columns))
        .join(number, number.c.number < found.c.units)
        .where(found.c.charged > 0, energy > 0)
        .order_by(found.c.ended_at.desc(), found.c.pk.desc(), hours.desc(), first.desc())
    )


def days_in_use(store: Session, scope: Scope, period: Period, _now: datetime, columns: _Columns) -> _Rows:
    """The local days on which each station was occupied, and for how long its connectors were together."""
    local, number = clocks(store, scope, period), numbers()
    found = _touching(scope, days(store, scope, period), local, DAY, lambda span: span.stop, {})
    day = found.c.unit + number.c.number
    first = greatest(found.c.first, day * DAY - found.c.ahead)
    length = least(found.c.last, (day + 1) * DAY - found.c.ahead) - first
    known = {
        "station": found.c.station,
        "station_id": found.c.station_id,
        "day": day_of(day * DAY),
        "sessions": func.count(found.c.pk.distinct()),
        "occupied_seconds": func.sum(length),
    }
    return (
        select(*(known[name].label(name) for name in columns))
        .join(number, number.c.number < found.c.units)
        .group_by(found.c.station, found.c.station_id, day)
        .order_by(day.desc(), found.c.station, found.c.station_id)
    )


def _touching(
    scope: Scope,
    of_zone: Days,
    local: CTE,
    unit: int,
    until: Callable[[_Span], ColumnElement[int]],
    more: dict[str, ColumnElement[Any]],
) -> CTE:
    """Sessions from `start` to `until` in the period, for each stretch in which their clock does not jump:
    first, last, and into how many `units` (hours or days of that clock, since 1970) they reach from the one
    called `unit` on.
    """
    span = _span()
    first, last = greatest(span.start, local.c.since), least(until(span), local.c.until)
    begun = (first + local.c.ahead) // unit
    known = {
        **{name: COLUMNS[name] for name in (*_PLACE, *_TOLD)},
        **more,
        "pk": ChargingSession.id.expression,
        "start": span.start,
        "first": first,
        "last": last,
        "ahead": local.c.ahead,
        "unit": begun,
        "units": (last - 1 + local.c.ahead) // unit - begun + 1,
    }
    return (
        of(scope, select(*(column.label(name) for name, column in known.items())))
        .join(local, local.c.zone == ChargingStation.timezone)
        .where(IS_OVER, *around(of_zone), last > first)
        .cte("touching")
        # Once for each session, and not again for each hour of it.
        .prefix_with("MATERIALIZED")
    )


_TOLD = ("station_id", "started_at", "ended_at", "transaction_id")


def _by(instant: ColumnElement[int], found: CTE) -> ColumnElement[int]:
    """What has flowed by an instant, rounded down, so that parts add up to the whole."""
    flowed: ColumnElement[int] = found.c.wh * (instant - found.c.start) // func.nullif(found.c.charged, 0)
    return flowed


class _Span(NamedTuple):
    """The instants of a session: so much of it as counts, and charging from its start on (see `db.sums`)."""

    start: ColumnElement[int]
    stop: ColumnElement[int]
    charging: ColumnElement[int]
    charged: ColumnElement[int]


def _span() -> _Span:
    stop = Seconds(ChargingSession.stop_time)
    start = greatest(Seconds(ChargingSession.start_time), stop - int(LONGEST.total_seconds()))
    length = stop - start
    known = func.coalesce(ChargingSession.charging_seconds, length)
    charging = greatest(literal(0), least(length, known))
    return _Span(start, stop, charging, start + charging)


def _flowed(span: _Span, until: ColumnElement[int]) -> ColumnElement[int]:
    """What has flowed by an instant, rounded down, so that parts add up to the whole."""
    flowed: ColumnElement[int] = _WH * (until - span.start) // span.charging
    return flowed


def around(of_zone: Days) -> list[ColumnElement[bool]]:
    """Conditions on the stop that an index knows, for sessions that reach into the period."""
    stop = ChargingSession.stop_time
    return [stop > of_zone.earliest, stop < of_zone.latest + LONGEST]
