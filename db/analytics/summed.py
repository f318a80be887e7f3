"""The sums of rollups by bucket and currency, from as few rows as there are."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, func, select, union_all
from sqlalchemy.orm import Session

from db.analytics.buckets import Grain, Key, bucket_of
from db.analytics.scope import Period, Scope, built_once, in_days, ranges
from db.models import Rollup


def summed(
    store: Session, scope: Scope, period: Period, grain: Grain | None, metrics: tuple[str, ...]
) -> dict[tuple[Key, str], list[int]]:
    """The sums of `metrics` (columns of `Rollup`) by bucket and currency; those without rows are left out.

    Raises `ValueError` for hours, which rollups do not have.
    """
    if grain == "hour":
        raise ValueError("rollups have no hours")
    found: dict[tuple[Key, str], list[int]] = {}
    for day, currency, *values in store.execute(_sums(scope, grain in ("day", "week"), metrics), period.told):
        known = found.setdefault((bucket_of(day, 0, grain), currency), [0] * len(metrics))
        known[:] = [one + int(other) for one, other in zip(known, values, strict=True)]
    return found


@built_once
def _sums(scope: Scope, by_day: bool, metrics: tuple[str, ...]) -> Select[*tuple[Any, ...]]:
    """By day, or by month and the days at the edges of the period."""
    columns = [Rollup.bucket, Rollup.currency, *(getattr(Rollup, metric) for metric in metrics)]
    # A range at a time: with a choice of ranges, SQLite would walk through all rows of each station.
    parts = [in_days()] if by_day else ranges()
    rows = union_all(*(select(*columns).where(scope.rollups(), part) for part in parts)).subquery().c
    return select(rows.bucket, rows.currency, *(func.sum(rows[metric]) for metric in metrics)).group_by(
        rows.bucket, rows.currency
    )
