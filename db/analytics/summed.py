"""The sums of rollups by bucket and currency, from as few rows as there are."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from db.analytics.buckets import Grain, Key, bucket_of
from db.analytics.scope import Period, Scope
from db.analytics.statements import DAYS, built_once, rows_of


def summed(
    store: Session, scope: Scope, period: Period, grain: Grain | None, metrics: tuple[str, ...]
) -> dict[tuple[Key, str], list[int]]:
    """The sums of `metrics` (columns of `Rollup`) by bucket and currency; those without rows are left out.

    Raises `ValueError` for hours, which rollups do not have.
    """
    if grain == "hour":
        raise ValueError("rollups have no hours")
    parts = DAYS if grain in ("day", "week") else period.names_of_parts
    found: dict[tuple[Key, str], list[int]] = {}
    for day, currency, *values in _sums(scope, parts, metrics).rows(store, period.told):
        known = found.setdefault((bucket_of(day, 0, grain), currency), [0] * len(metrics))
        known[:] = [one + int(other) for one, other in zip(known, values, strict=True)]
    return found


@built_once
def _sums(scope: Scope, parts: tuple[str, ...], metrics: tuple[str, ...]) -> Select[*tuple[Any, ...]]:
    rows = rows_of(scope, parts, ("bucket", "currency", *metrics)).c
    return select(rows.bucket, rows.currency, *(func.sum(rows[metric]) for metric in metrics)).group_by(
        rows.bucket, rows.currency
    )
