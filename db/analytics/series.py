"""Series and rankings for charts, each from as few rollup rows as it needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from operator import add
from typing import Any, NamedTuple

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from db import rollups
from db.analytics import open_intervals
from db.analytics.kpis import availability
from db.analytics.scope import Period, Scope
from db.analytics.side_by_side import Shape, asked, sums_of
from db.analytics.statements import built_once, in_days, rows_of
from db.columns import from_minor
from db.models import ChargingStation, HourProfile, OCPPStation, Rollup
from db.prepared import ONE
from db.sums import ARRIVALS_BY_HOUR, HOURS, WH_BY_HOUR


class DayPoint(NamedTuple):
    """One local day, with the meanings of `kpis.Summary`. `revenue` is in the series' one currency."""

    day: date
    sessions: int
    failed_attempts: int
    energy_wh: int
    revenue: Decimal
    availability: float | None
    error_rate: float | None


class StationTotal(NamedTuple):
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
    by_day = _sums_by_day(store, scope, period, currency)
    unended = open_intervals.seconds_by_day(store, scope, period, now)
    return [
        _point(day, by_day.get(day, _NOTHING), unended.get(day, (0, 0)))
        for day in (period.start + timedelta(days=n) for n in range(period.days))
    ]


_NOTHING = (0,) * 7


def _sums_by_day(
    store: Session, scope: Scope, period: Period, currency: str | None
) -> dict[date, tuple[int, ...]]:
    by_day: dict[date, tuple[int, ...]] = {}
    for day, of_row, revenue_minor, *others in _days(scope).rows(store, period.told):
        values = (revenue_minor if currency in (None, of_row) else 0, *others)
        # Nearly always a day has one currency and so one row, and nothing is to be added up.
        by_day[day] = tuple(map(add, by_day[day], values)) if day in by_day else values
    return by_day


@built_once
def _days(scope: Scope) -> Select[date, str, int, int, int, int, int, int, int]:
    return select(
        Rollup.bucket,
        Rollup.currency,
        Rollup.revenue_minor,
        Rollup.sessions,
        Rollup.attempts,
        Rollup.failed_attempts,
        Rollup.energy_wh,
        Rollup.observed_seconds,
        Rollup.outage_seconds,
    ).where(scope.rollups(), in_days())


def _point(day: date, sums: Sequence[int], unended: open_intervals.Lengths) -> DayPoint:
    revenue_minor, sessions, attempts, failed, energy_wh, observed, outage = sums
    up = availability(observed + unended[0], outage + unended[1])
    error_rate = failed / attempts if attempts else None
    return DayPoint(day, sessions, failed, energy_wh, from_minor(revenue_minor), up, error_rate)


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
    parts = period.names_of_parts
    if scope.is_of_stations:
        for edge in period.parts()[1]:
            _add_edge(store, scope, edge, hours, grid)
        parts = tuple(part for part in parts if part == "month")
        if not parts:
            return grid
    for weekday, *values in _sums_by_weekday(scope, hours, parts).rows(store, period.told):
        grid[weekday] = [known + int(value) for known, value in zip(grid[weekday], values, strict=True)]
    return grid


@built_once
def _sums_by_weekday(
    scope: Scope, hours: tuple[str, ...], parts: tuple[str, ...]
) -> Select[*tuple[Any, ...]]:
    rows = rows_of(scope, parts, ("weekday", *hours), HourProfile).c
    return select(rows.weekday, *(func.sum(rows[hour]) for hour in hours)).group_by(rows.weekday)


def _add_edge(
    store: Session, scope: Scope, days: Period, hours: tuple[str, ...], grid: list[list[int]]
) -> None:
    """Days of single stations, from their sessions: there are few, and so the store keeps no such rows."""
    hours_of = rollups.hours_of_stations(store, scope.stations(), days.start, days.end)
    for (day, weekday), values in hours_of.items():
        if days.start <= day < days.end:
            for hour, column in enumerate(hours):
                grid[weekday][hour] += values[HOURS.index(column)]


def top_stations(store: Session, scope: Scope, period: Period, limit: int | None = 6) -> list[StationTotal]:
    """The stations with the most revenue, then energy; those without a session are left out."""
    question = asked(store, scope, period)
    rows = _best_stations(scope, limit, question.shape).rows(store, question.told)
    return [
        StationTotal(pk, name, currency, sessions, energy_wh, from_minor(minor))
        for pk, name, currency, sessions, energy_wh, minor in rows
    ]


@built_once
def _best_stations(scope: Scope, limit: int | None, shape: Shape) -> Select[*tuple[Any, ...]]:
    sums = sums_of("station", scope, ("sessions", "energy_wh", "revenue_minor"), shape).c
    order = (sums.revenue_minor.desc(), sums.energy_wh.desc(), sums.scope_id)
    best: Select[*tuple[Any, ...]] = select(*sums).where(sums.sessions > 0)
    if limit is not None:
        best = best.order_by(*order).limit(limit)
    of = best.subquery().c
    return (
        select(of.scope_id, ChargingStation.name, *list(of)[1:])
        .join(OCPPStation, of.scope_id == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .order_by(of.revenue_minor.desc(), of.energy_wh.desc(), ChargingStation.name, of.scope_id)
    )


@dataclass(frozen=True)
class MonthPoint:
    """What ended in the days of a month that are in the period; `revenue` by currency."""

    month: date
    sessions: int
    energy_wh: int
    revenue: dict[str, Decimal]


def monthly(store: Session, scope: Scope, period: Period) -> list[MonthPoint]:
    """The months of the period in which something ended, by their first day."""
    sessions, energy_wh = defaultdict[date, int](int), defaultdict[date, int](int)
    earned: dict[date, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    rows = _sums_in_period(scope, period.names_of_parts).rows(store, period.told)
    for bucket, currency, number, wh, minor in rows:
        month = bucket.replace(day=1)
        sessions[month] += number
        energy_wh[month] += wh
        earned[month][currency] += minor
    return [
        MonthPoint(
            month,
            sessions[month],
            energy_wh[month],
            {currency: from_minor(minor) for currency, minor in earned[month].items()},
        )
        for month in sorted(sessions)
    ]


@built_once
def _sums_in_period(scope: Scope, parts: tuple[str, ...]) -> Select[*tuple[Any, ...]]:
    names = ("bucket", "currency", "sessions", "energy_wh", "revenue_minor", "attempts")
    rows = rows_of(scope, parts, names).c
    return select(*list(rows)[:-1]).where(rows.attempts > 0)


def first_and_last_day(store: Session, scope: Scope) -> tuple[date, date] | None:
    """The local days of the first and the last session known, None without any."""
    ((first, last),) = _first_and_last(scope).rows(store)
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
        select(Rollup.bucket).where(*of_day).order_by(order).limit(ONE).scalar_subquery()
        for order in (Rollup.bucket.asc(), Rollup.bucket.desc())
    )
    return select(first, last)
