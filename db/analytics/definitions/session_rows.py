"""Sessions as rows behind KPIs: those that ended in a period, and those that began in it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    and_,
    cast,
    func,
    not_,
    select,
)
from sqlalchemy.orm import Session

from db.analytics.definitions.sql import (
    clocks,
    days,
    hour_of,
    weekday_of,
)
from db.analytics.ended import counted, station_of
from db.analytics.outcome import SUCCESS_OVER_WH, VALID_STOP_REASONS
from db.analytics.scope import Period, Scope
from db.clocks import HOUR
from db.instants import Seconds
from db.models import ChargingSession, ChargingStation, OCPPConnector, OCPPStation, Tariff
from db.models.sessions import counts, has_verdict

_Columns = tuple[str, ...]
_Rows = Select[*tuple[Any, ...]]

_REASON = func.coalesce(func.nullif(ChargingSession.stop_reason, ""), "Local")
ENERGY = func.coalesce(ChargingSession.energy_wh, 0)
IS_OVER = counted()
_LENGTH = Seconds(ChargingSession.stop_time) - Seconds(ChargingSession.start_time)
_HAS_BEGUN = and_(ChargingSession.status != "pending", counts())

COLUMNS: dict[str, ColumnElement[Any]] = {
    "station": ChargingStation.name.expression,
    "station_id": OCPPStation.station_id.expression,
    "connector": OCPPConnector.connector_id.expression,
    "transaction_id": ChargingSession.transaction_id.expression,
    "started_at": ChargingSession.start_time.expression,
    "ended_at": ChargingSession.stop_time.expression,
    "timezone": ChargingStation.timezone.expression,
    "energy_wh": ENERGY,
    "cost": func.coalesce(ChargingSession.cost, 0),
    "tax": func.coalesce(ChargingSession.tax, 0),
    "currency": ChargingStation.currency.expression,
    "stop_reason": ChargingSession.stop_reason.expression,
    "id_tag": ChargingSession.id_tag.expression,
    "duration_seconds": _LENGTH,
    "driver": func.coalesce(
        cast(ChargingSession.user_id, String), func.nullif(func.upper(ChargingSession.id_tag), "")
    ),
    "place_by_energy": func.row_number().over(order_by=ENERGY),
    "place_by_duration": func.row_number().over(order_by=_LENGTH),
    "place_by_cost": func.row_number().over(
        partition_by=ChargingStation.currency, order_by=ChargingSession.cost
    ),
    "number": func.count().over(),
    "number_in_currency": func.count().over(partition_by=ChargingStation.currency),
    "tariff": select(Tariff.name).where(Tariff.id == ChargingSession.tariff_id).scalar_subquery(),
    "tariff_version": select(Tariff.version).where(Tariff.id == ChargingSession.tariff_id).scalar_subquery(),
    "is_failed": not_(and_(ENERGY > SUCCESS_OVER_WH, _REASON.in_(sorted(VALID_STOP_REASONS)))),
}


def with_energy(store: Session, scope: Scope, period: Period, now: datetime, columns: _Columns) -> _Rows:
    """Those that ended in the period having delivered energy."""
    return attempts(store, scope, period, now, columns).where(ChargingSession.energy_wh > 0)


def attempts(store: Session, scope: Scope, period: Period, _now: datetime, columns: _Columns) -> _Rows:
    """All that ended in the period, by the clock of their station."""
    return _ended(store, scope, period, columns).where(IS_OVER)


def held(store: Session, scope: Scope, period: Period, _now: datetime, columns: _Columns) -> _Rows:
    """Those that ended in the period and are held back, so that they count nowhere else."""
    return _ended(store, scope, period, columns).where(has_verdict("held"))


def _ended(store: Session, scope: Scope, period: Period, columns: _Columns) -> _Rows:
    of_zone = days(store, scope, period)
    stop = ChargingSession.stop_time
    return (
        of(scope, selected(columns))
        .join(of_zone.table, of_zone.table.c.zone == ChargingStation.timezone)
        .where(stop >= of_zone.earliest, stop < of_zone.latest)
        .where(stop >= of_zone.table.c.first, stop < of_zone.table.c.until)
        .order_by(stop.desc(), ChargingSession.id.desc())
    )


def begun(store: Session, scope: Scope, period: Period, _now: datetime, columns: _Columns) -> _Rows:
    """Those that began in the period, with the hour and the weekday at which the station's clock stood."""
    local, of_zone = clocks(store, scope, period), days(store, scope, period)
    at, start = Seconds(ChargingSession.start_time), ChargingSession.start_time
    hours = (at + local.c.ahead) // HOUR
    more = {"hour": hour_of(hours), "weekday": weekday_of(hours)}
    return (
        of(scope, selected(columns, more))
        .join(local, local.c.zone == ChargingStation.timezone)
        .where(_HAS_BEGUN, start >= of_zone.earliest, start < of_zone.latest)
        .where(at >= local.c.since, at < local.c.until)
        .order_by(start.desc(), ChargingSession.id.desc())
    )


def with_cost(store: Session, scope: Scope, period: Period, now: datetime, columns: _Columns) -> _Rows:
    """Those that delivered energy and whose cost is known."""
    return with_energy(store, scope, period, now, columns).where(ChargingSession.cost.is_not(None))


def selected(
    columns: _Columns, more: dict[str, ColumnElement[Any]] | None = None
) -> Select[*tuple[Any, ...]]:
    known = COLUMNS | (more or {})
    return select(*(known[name].label(name) for name in columns))


def of(scope: Scope, query: _Rows) -> _Rows:
    """Sessions of the scope with their places."""
    return (
        query.select_from(ChargingSession)
        .join(OCPPStation, station_of(scope) == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .outerjoin(OCPPConnector, ChargingSession.ocpp_connector_id == OCPPConnector.id)
        .where(station_of(scope).in_(scope.stations()))
    )
