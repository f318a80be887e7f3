"""Attempts to charge, and the visits that they make, as rows behind the ChargeX indicators.

`db.analytics.attempts` says what they are; here they get the names that a reader needs.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CTE, Select, and_, case, func, select
from sqlalchemy.orm import Session

from db.analytics import attempts
from db.analytics.definitions.sql import days
from db.analytics.scope import Period, Scope
from db.instants import TimeOf
from db.models import ChargingSession, ChargingStation, Command, OCPPConnector, OCPPStation

_Columns = tuple[str, ...]
_Rows = Select[*tuple[Any, ...]]

# As far as `db.analytics.success` looks around a period.
_AROUND = timedelta(days=2)


def tried(store: Session, scope: Scope, period: Period, _now: datetime, columns: _Columns) -> _Rows:
    """The attempts that ended in the period."""
    found = _attempts(scope, period)
    of = found.c
    known: dict[str, Any] = {
        "station": ChargingStation.name,
        "station_id": OCPPStation.station_id,
        "connector": OCPPConnector.connector_id,
        "timezone": ChargingStation.timezone,
        "started_at": TimeOf(of.start),
        "ended_at": TimeOf(of.stop),
        "what": case((of.session_pk.is_not(None), "session"), else_="start refused"),
        "energy_wh": ChargingSession.energy_wh,
        "stop_reason": func.coalesce(ChargingSession.stop_reason, Command.error),
        "has_power": of.has_power == 1,
        "is_valid": of.is_valid == 1,
        "transaction_id": ChargingSession.transaction_id,
    }
    query: _Rows = select(*(known[name].label(name) for name in columns)).select_from(found)
    return (
        _in_period(store, scope, period, query, found)
        .outerjoin(OCPPConnector, of.port == OCPPConnector.id)
        .outerjoin(ChargingSession, of.session_pk == ChargingSession.id)
        .outerjoin(Command, of.command_pk == Command.id)
        .order_by(of.stop.desc(), of.session_pk.desc(), of.command_pk.desc())
    )


def visits(store: Session, scope: Scope, period: Period, _now: datetime, columns: _Columns) -> _Rows:
    """The visits whose last attempt ended in the period."""
    found = _attempts(scope, period)
    made, of = attempts.visits(found), found.c
    key = (of.station, of.who, of.visit)
    sizes = select(*key, func.count().label("attempts"), func.min(of.start).label("start")).group_by(*key)
    size = sizes.cte("sizes").c
    visit = made.c
    known: dict[str, Any] = {
        "station": ChargingStation.name,
        "station_id": OCPPStation.station_id,
        "timezone": ChargingStation.timezone,
        "who": visit.who,
        "started_at": TimeOf(size.start),
        "ended_at": TimeOf(visit.stop),
        "attempts": size.attempts,
        "is_first_valid": visit.is_first_valid == 1,
        "is_any_valid": visit.is_any_valid == 1,
    }
    query: _Rows = select(*(known[name].label(name) for name in columns)).select_from(made)
    is_of = and_(size.station == visit.station, size.who == visit.who, size.visit == visit.visit)
    return (
        _in_period(store, scope, period, query, made)
        .join(size.station.table, is_of)
        .order_by(visit.stop.desc(), visit.station, visit.who)
    )


def _attempts(scope: Scope, period: Period) -> CTE:
    start, end = period.bounds("UTC")
    return attempts.attempts(scope, start - _AROUND, end + _AROUND)


def _in_period(store: Session, scope: Scope, period: Period, query: _Rows, found: CTE) -> _Rows:
    """Those that are over and ended in the period by the clock of their station, with their places."""
    of_zone = days(store, scope, period).table.c
    stop = found.c.stop
    return (
        query.join(OCPPStation, found.c.station == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .join(of_zone.zone.table, of_zone.zone == ChargingStation.timezone)
        .where(found.c.is_over == 1, stop >= of_zone.first_second, stop < of_zone.until_second)
    )
