"""The network day by day, and its stations by what they earned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.analytics import series
from db.analytics.scope import Period, Scope
from db.analytics.series import DayPoint, StationTotal
from db.models import ChargingStation, OCPPStation
from ocpp_integration.exports.table import Column, Kind, Table, decimal, integer, kwh, text

MOST_STATIONS = 1_000
# So many days are asked for at once, however many are wanted.
_DAYS_AT_ONCE = 366


@dataclass(frozen=True)
class Day:
    """`revenue` by currency."""

    point: DayPoint
    revenue: dict[str, Decimal]


_DAY_COLUMNS = (
    Column[Day]("day", Kind.DATE, lambda row: row.point.day),
    integer("sessions", lambda row: row.point.sessions),
    integer("failed_attempts", lambda row: row.point.failed_attempts),
    decimal("energy", lambda row: kwh(row.point.energy_wh), "kWh", 3),
    decimal("availability", lambda row: _percent(row.point.availability), "%"),
    decimal("error_rate", lambda row: _percent(row.point.error_rate), "%"),
)
STATION_COLUMNS = (
    integer("rank", lambda row: row[0]),
    text("station", lambda row: row[1].name),
    integer("sessions", lambda row: row[1].sessions),
    decimal("energy", lambda row: kwh(row[1].energy_wh), "kWh", 3),
    decimal("revenue", lambda row: row[1].revenue),
    text("currency", lambda row: row[1].currency),
)


def day_columns(currencies: list[str]) -> tuple[Column[Day], ...]:
    """With a column of revenue for each currency."""
    return (*_DAY_COLUMNS, *(_revenue_in(currency) for currency in currencies))


def daily(store: Session, scope: Scope, period: Period | None, now: datetime) -> Table[Day]:
    """A row for every day, from the first with a session where no period is given. VAT is in the revenue."""
    currencies = currencies_of(store, scope)
    period = period or all_days(store, scope)
    rows = _days(store, scope, period, now, currencies) if period else iter(())
    return Table(day_columns(currencies), rows)


def top_stations(store: Session, scope: Scope, period: Period | None) -> Table[tuple[int, StationTotal]]:
    """The stations with the most revenue, then energy, in each currency; at most `MOST_STATIONS`."""
    period = period or all_days(store, scope)
    found = series.top_stations(store, scope, period, MOST_STATIONS) if period else []
    return Table(STATION_COLUMNS, enumerate(found, start=1))


def _days(
    store: Session, scope: Scope, period: Period, now: datetime, currencies: list[str]
) -> Iterator[Day]:
    for piece in _pieces(period):
        in_all = series.daily(store, scope, piece, now)
        revenues = {each: series.daily(store, scope, piece, now, each) for each in currencies}
        for position, point in enumerate(in_all):
            yield Day(point, {each: days[position].revenue for each, days in revenues.items()})


def _pieces(period: Period) -> Iterator[Period]:
    start = period.start
    while start < period.end:
        end = min(period.end, start + timedelta(days=_DAYS_AT_ONCE))
        yield Period(start, end)
        start = end


def currencies_of(store: Session, scope: Scope) -> list[str]:
    """Those of the scope's stations, in order."""
    return list(
        store.scalars(
            select(ChargingStation.currency)
            .join(OCPPStation, OCPPStation.charging_station_id == ChargingStation.id)
            .where(OCPPStation.id.in_(scope.stations()))
            .distinct()
            .order_by(ChargingStation.currency)
        )
    )


def all_days(store: Session, scope: Scope) -> Period | None:
    """From the first day in which there was anything to the last; None where there was nothing."""
    known = series.first_and_last_day(store, scope)
    return Period(known[0], known[1] + timedelta(days=1)) if known else None


def _revenue_in(currency: str) -> Column[Day]:
    return decimal("revenue", lambda row: row.revenue[currency], currency)


def _percent(share: float | None) -> Decimal | None:
    return None if share is None else Decimal(str(round(share * 100, 6)))
