"""What a session was like: average and median of its energy, duration and revenue.

Of the sessions that ended in a time having delivered energy. An average is the sum over all of them by their
number, never an average of averages; the median of an even number is the mean of the two in the middle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Subquery, func, select
from sqlalchemy.orm import Session

from db.analytics.buckets import Bucket, Grain, Key, buckets
from db.analytics.ended import ended, key_of
from db.analytics.scope import Period, Scope


@dataclass(frozen=True)
class Typical:
    """The sum and the median over `count` sessions."""

    total: Decimal
    count: int
    median: Decimal

    @property
    def mean(self) -> Decimal:
        return self.total / self.count


@dataclass(frozen=True)
class PerSession:
    """`energy` in Wh, `duration` (plugged in) in seconds; None without sessions. `revenue` is gross, by
    currency, of the sessions whose cost is known.
    """

    energy: Typical | None = None
    duration: Typical | None = None
    revenue: dict[str, Typical] = field(default_factory=dict)


def whole(store: Session, scope: Scope, period: Period) -> PerSession:
    """Of the period as a whole."""
    return _found(store, scope, period, None)(None)


def series(store: Session, scope: Scope, period: Period, grain: Grain) -> dict[Bucket, PerSession]:
    """Of every bucket of the period, in order."""
    of = _found(store, scope, period, grain)
    return {bucket: of(bucket) for bucket in buckets(period, grain)}


def _found(store: Session, scope: Scope, period: Period, grain: Grain | None) -> Callable[[Key], PerSession]:
    rows = ended(store, scope, period, grain)
    energy, duration, revenue = (
        {
            (key_of(number, period, grain), *rest): typical
            for (number, *rest), typical in _typical(store, rows, *measure).items()
        }
        for measure in _MEASURES
    )
    by_currency: dict[Key, dict[str, Typical]] = {}
    for (key, currency), typical in sorted(revenue.items(), key=str):
        by_currency.setdefault(key, {})[currency] = typical
    return lambda key: PerSession(energy.get((key,)), duration.get((key,)), by_currency.get(key, {}))


# Column of `ended`, keys beside the bucket, places behind the point.
_MEASURES: tuple[tuple[str, tuple[str, ...], int], ...] = (
    ("energy_wh", (), 0),
    ("seconds", (), 0),
    ("cost_minor", ("currency",), 2),
)


def _typical(
    store: Session, rows: Subquery, value: str, more_keys: tuple[str, ...], places: int
) -> dict[tuple[Any, ...], Typical]:
    """By bucket number and `more_keys`; `places` of the column's numbers are behind the point."""
    keys = [rows.c[name] for name in ("bucket", *more_keys)]
    wanted = rows.c[value]
    placed = (
        select(
            *keys,
            wanted.label("value"),
            func.row_number().over(partition_by=keys, order_by=wanted).label("place"),
            func.count().over(partition_by=keys).label("number"),
        )
        .where(rows.c.energy_wh > 0, wanted.is_not(None))
        .subquery()
        .c
    )
    grouped = [placed[name] for name in ("bucket", *more_keys)]
    middle = _in_the_middle(placed.place, placed.number)
    query = select(
        *grouped,
        func.sum(placed.value),
        func.count(),
        func.sum(placed.value).filter(middle),
        func.count().filter(middle),
    ).group_by(*grouped)
    return {
        tuple(key): Typical(
            Decimal(int(total)).scaleb(-places), count, Decimal(int(in_middle)).scaleb(-places) / those
        )
        for *key, total, count, in_middle, those in store.execute(query)
    }


def _in_the_middle(place: ColumnElement[int], number: ColumnElement[int]) -> ColumnElement[bool]:
    """The one in the middle of an odd number, the two of an even one."""
    return (2 * place >= number) & (2 * place <= number + 2)
