"""What a session was like: average and median of its energy, duration and revenue.

Of the sessions that ended in a time having delivered energy. An average is the sum over all of them by their
number, never an average of averages; the median of an even number is the mean of the two in the middle.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
from sqlalchemy.orm import Session

from db.analytics.buckets import Bucket, Grain, Key, buckets
from db.analytics.ended import Places, ended, groups, key_of
from db.analytics.scope import Period, Scope
from db.arrays import Integers
from db.packed import UNKNOWN, Columns


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
    return _found(store, scope, period, None).get(None, PerSession())


def series(store: Session, scope: Scope, period: Period, grain: Grain) -> dict[Bucket, PerSession]:
    """Of every bucket of the period, in order."""
    found = _found(store, scope, period, grain)
    return {bucket: found.get(bucket, PerSession()) for bucket in buckets(period, grain)}


def _found(store: Session, scope: Scope, period: Period, grain: Grain | None) -> dict[Key, PerSession]:
    rows = ended(store, scope, period, grain, ("energy_wh", "cost"))
    currencies = Places.of(store, scope).currencies
    rows = {name: values[rows["energy_wh"] > 0] for name, values in rows.items()}
    numbers, places = groups(rows["bucket"])
    return {
        key_of(number, grain): _per_session(
            {name: values[place] for name, values in rows.items()}, currencies
        )
        for (number,), place in zip(numbers, places, strict=True)
    }


def _per_session(rows: Columns, currencies: list[str]) -> PerSession:
    cost, known = rows["cost"], rows["cost"] != UNKNOWN
    costs = {name: cost[known & (rows["currency"] == number)] for number, name in enumerate(currencies)}
    return PerSession(
        _typical(rows["energy_wh"]),
        _typical(rows["seconds"]),
        {name: _typical(each, 2) for name, each in costs.items() if len(each)},
    )


def _typical(values: Integers, places: int = 0) -> Typical:
    """Of numbers whose last `places` are behind the point; there is at least one."""
    middle = len(values) // 2
    both = np.partition(values, [(len(values) - 1) // 2, middle])
    median = Decimal(int(both[(len(values) - 1) // 2]) + int(both[middle])) / 2
    return Typical(Decimal(int(values.sum())).scaleb(-places), len(values), median.scaleb(-places))
