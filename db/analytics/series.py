"""Series and rankings for charts, each from as few rollup rows as it needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, union_all
from sqlalchemy.orm import Session

from db import rollups
from db.analytics import open_intervals
from db.analytics.kpis import availability
from db.analytics.scope import Period, Scope, built_once, in_days, in_months, in_period, ranges
from db.columns import from_minor
from db.models import ChargingStation, HourProfile, OCPPStation, Rollup
from db.sums import ARRIVALS_BY_HOUR, HOURS, WH_BY_HOUR


@dataclass(frozen=True)
class DayPoint:
    """One local day, with the meanings of `kpis.Summary`. `revenue` is in the series' one currency."""

    day: date
    sessions: int
    failed_attempts: int
    energy_wh: int
    revenue: Decimal
    availability: float | None
    error_rate: float | None


@dataclass(frozen=True)
class StationTotal:
    station_pk: int
    name: str
    currency: str
    sessions: int
    energy_wh: int
    revenue: Decimal


def daily(
    store: Session, scope: Scope, period: Period, now: datetime, currency: str | None = None
) -> list[DayPoint]:
    """A point for every day of the period. Revenue counts `currency` only, all where it is None."""
    rows = store.execute(_sums_by_day(scope, currency), period.told)
    by_day = {row[0]: [int(value or 0) for value in row[1:]] for row in rows}
    unended = open_intervals.seconds_by_day(store, scope, period, now)
    return [
        _point(day, by_day.get(day, [0] * 7), unended.get(day, (0, 0)))
        for day in (period.start + timedelta(days=n) for n in range(period.days))
    ]


@built_once
def _sums_by_day(scope: Scope, currency: str | None) -> Select[date, int, int, int, int, int, int, int]:
    return (
        select(
            Rollup.bucket,
            func.sum(Rollup.sessions),
            func.sum(Rollup.attempts),
            func.sum(Rollup.failed_attempts),
            func.sum(Rollup.energy_wh),
            func.sum(Rollup.revenue_minor).filter(
                (Rollup.currency == currency) if currency else Rollup.currency.is_not(None)
            ),
            func.sum(Rollup.observed_seconds),
            func.sum(Rollup.outage_seconds),
        )
        .where(scope.rollups(), in_days())
        .group_by(Rollup.bucket)
    )


def _point(day: date, sums: list[int], unended: open_intervals.Seconds) -> DayPoint:
    sessions, attempts, failed, energy_wh, revenue_minor, observed, outage = sums
    return DayPoint(
        day=day,
        sessions=sessions,
        failed_attempts=failed,
        energy_wh=energy_wh,
        revenue=from_minor(revenue_minor),
        availability=availability(observed + unended[0], outage + unended[1]),
        error_rate=failed / attempts if attempts else None,
    )


def hour_by_weekday(store: Session, scope: Scope, period: Period) -> list[list[int]]:
    """Session starts as [weekday, 0 = Monday][hour of the station's clock]."""
    return _hours_of_week(store, scope, period, ARRIVALS_BY_HOUR)


def load_by_weekday(store: Session, scope: Scope, period: Period) -> list[list[int]]:
    """The load curve: Wh that flowed, as [weekday, 0 = Monday][hour of the station's clock].

    A session's energy is taken to flow evenly while it charges; see `db.sums`.
    """
    return _hours_of_week(store, scope, period, WH_BY_HOUR)


def _hours_of_week(store: Session, scope: Scope, period: Period, hours: tuple[str, ...]) -> list[list[int]]:
    grid = [[0] * 24 for _ in range(7)]
    if scope.is_of_stations:
        for edge in period.parts()[1]:
            _add_edge(store, scope, edge, hours, grid)
    for weekday, *values in store.execute(_sums_by_weekday(scope, hours), period.told):
        grid[weekday] = [known + int(value) for known, value in zip(grid[weekday], values, strict=True)]
    return grid


@built_once
def _sums_by_weekday(scope: Scope, hours: tuple[str, ...]) -> Select[*tuple[Any, ...]]:
    profiles = HourProfile.__table__.c
    of_period = in_months() if scope.is_of_stations else in_period(HourProfile)
    return (
        select(profiles.weekday, *(func.sum(profiles[hour]) for hour in hours))
        .where(scope.rollups(HourProfile), of_period)
        .group_by(profiles.weekday)
    )


def _add_edge(
    store: Session, scope: Scope, days: Period, hours: tuple[str, ...], grid: list[list[int]]
) -> None:
    """Days of single stations, from their sessions: there are few, and so the store keeps no such rows."""
    hours_of = rollups.hours_of_stations(store, scope.stations(), days.start, days.end)
    for (day, weekday), values in hours_of.items():
        if days.start <= day < days.end:
            for hour, column in enumerate(hours):
                grid[weekday][hour] += values[HOURS.index(column)]


def top_stations(store: Session, scope: Scope, period: Period, limit: int = 6) -> list[StationTotal]:
    """The stations with the most revenue, then energy; those without a session are left out."""
    rows = store.execute(_best_stations(scope, limit), period.told)
    return [
        StationTotal(pk, name, currency, int(sessions), int(energy_wh), from_minor(int(minor)))
        for pk, name, currency, sessions, energy_wh, minor in rows
    ]


@built_once
def _best_stations(scope: Scope, limit: int) -> Select[*tuple[Any, ...]]:
    # A part of the period at a time: with a choice of parts, SQLite would walk through every station.
    rows_of = union_all(*(_station_sums(scope, part) for part in ranges())).subquery().c
    sessions, energy, revenue = (
        func.sum(rows_of[name]) for name in ("sessions", "energy_wh", "revenue_minor")
    )
    best = (
        select(
            rows_of.scope_id,
            rows_of.currency,
            sessions.label("sessions"),
            energy.label("energy_wh"),
            revenue.label("revenue_minor"),
        )
        .group_by(rows_of.scope_id, rows_of.currency)
        .having(sessions > 0)
        .order_by(revenue.desc(), energy.desc(), rows_of.scope_id)
        .limit(limit)
        .subquery()
    )
    return (
        select(
            best.c.scope_id,
            ChargingStation.name,
            best.c.currency,
            best.c.sessions,
            best.c.energy_wh,
            best.c.revenue_minor,
        )
        .join(OCPPStation, best.c.scope_id == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .order_by(best.c.revenue_minor.desc(), best.c.energy_wh.desc(), ChargingStation.name)
    )


def _station_sums(scope: Scope, rows: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    metrics = (Rollup.sessions, Rollup.energy_wh, Rollup.revenue_minor)
    return (
        select(Rollup.scope_id, Rollup.currency, *(func.sum(metric).label(metric.key) for metric in metrics))
        .where(Rollup.scope == "station", Rollup.scope_id.in_(scope.stations()), rows)
        .group_by(Rollup.scope_id, Rollup.currency)
    )


def first_and_last_day(store: Session, scope: Scope) -> tuple[date, date] | None:
    """The local days of the first and the last session known, None without any."""
    first, last = store.execute(_first_and_last(scope)).one()
    return (first, last) if first is not None else None


@built_once
def _first_and_last(scope: Scope) -> Select[date, date]:
    of_day = (
        scope.rollups(),
        Rollup.grain == "day",
        (Rollup.arrivals > 0) | (Rollup.attempts > 0),
    )
    # The key is in the order of days, so that each end is one look and not a walk through all of them.
    first, last = (
        select(Rollup.bucket).where(*of_day).order_by(order).limit(1).scalar_subquery()
        for order in (Rollup.bucket.asc(), Rollup.bucket.desc())
    )
    return select(first, last)
