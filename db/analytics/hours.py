"""Arrivals and flowing energy by hour: what `hour_profiles` hold, and what of single stations they do not."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from db import rollups
from db.analytics.buckets import Grain, Key, bucket_of
from db.analytics.scope import Period, Scope
from db.analytics.statements import DAYS, built_once, rows_of
from db.models import HourProfile
from db.sums import HOURS


def by_hour(
    store: Session, scope: Scope, period: Period, grain: Grain | None, columns: tuple[str, ...]
) -> dict[Key, int]:
    """The sums of `columns` (24 of `hour_profiles`, by hour) by bucket; those without any are left out."""
    found: dict[Key, int] = {}
    for day, values in _rows(store, scope, period, grain, columns):
        for hour, value in enumerate(values):
            if value:
                key = bucket_of(day, hour, grain)
                found[key] = found.get(key, 0) + int(value)
    return found


def _rows(
    store: Session, scope: Scope, period: Period, grain: Grain | None, columns: tuple[str, ...]
) -> list[tuple[date, list[int]]]:
    in_whole_months = grain in (None, "month")
    if not scope.is_of_stations:
        return _stored(store, scope, period, period.names_of_parts if in_whole_months else DAYS, columns)
    months, edges = period.parts() if in_whole_months else (None, [period])
    rows = _stored(store, scope, period, ("month",), columns) if months else []
    for edge in edges:
        rows += _of_sessions(store, scope, edge, columns)
    return rows


def _stored(
    store: Session, scope: Scope, period: Period, parts: tuple[str, ...], columns: tuple[str, ...]
) -> list[tuple[date, list[int]]]:
    rows = _profiles(scope, parts, columns).rows(store, period.told)
    return [(day, values) for day, *values in rows]


@built_once
def _profiles(scope: Scope, parts: tuple[str, ...], columns: tuple[str, ...]) -> Select[*tuple[Any, ...]]:
    return select(rows_of(scope, parts, ("bucket", *columns), HourProfile))


def _of_sessions(
    store: Session, scope: Scope, days: Period, columns: tuple[str, ...]
) -> list[tuple[date, list[int]]]:
    """Days of single stations, from their sessions: there are few, and so the store keeps no such rows."""
    positions = [HOURS.index(column) for column in columns]
    hours_of = rollups.hours_of_stations(store, scope.stations(), days.start, days.end)
    return [
        (day, [values[position] for position in positions])
        for (day, _), values in hours_of.items()
        if days.start <= day < days.end
    ]
