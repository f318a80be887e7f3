"""What a session was like: average and median of its energy, duration and revenue.

Of the sessions that ended in a time having delivered energy. An average is the sum over all of them by their
number, never an average of averages; the median of an even number is the mean of the two in the middle.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from sqlalchemy import select
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
    return _found(store, scope, period, None).get(None, PerSession())


def series(store: Session, scope: Scope, period: Period, grain: Grain) -> dict[Bucket, PerSession]:
    """Of every bucket of the period, in order."""
    found = _found(store, scope, period, grain)
    return {bucket: found.get(bucket, PerSession()) for bucket in buckets(period, grain)}


def _found(store: Session, scope: Scope, period: Period, grain: Grain | None) -> dict[Key, PerSession]:
    # Every value is needed for a median, and sorted here sooner than by the window functions of SQLite. They
    # are kept as bare numbers, at eight bytes each.
    rows = ended(store, scope, period, grain).c
    query = select(rows.bucket, rows.currency, rows.energy_wh, rows.seconds, rows.cost_minor)
    values: dict[int, _Values] = defaultdict(_Values)
    found = store.execute(query.where(rows.energy_wh > 0).execution_options(yield_per=10_000))
    for number, currency, energy_wh, seconds, cost_minor in found:
        of = values[number]
        of.energy.append(energy_wh)
        of.seconds.append(seconds)
        if cost_minor is not None:
            of.costs[currency].append(cost_minor)
    return {key_of(number, grain): of.typical() for number, of in values.items()}


class _Values:
    def __init__(self) -> None:
        self.energy, self.seconds = array("q"), array("q")
        self.costs: dict[str, array[int]] = defaultdict(lambda: array("q"))

    def typical(self) -> PerSession:
        costs = sorted(self.costs.items())
        return PerSession(
            _typical(self.energy), _typical(self.seconds), {name: _typical(each, 2) for name, each in costs}
        )


def _typical(values: array[int], places: int = 0) -> Typical:
    """Of numbers whose last `places` are behind the point; there is at least one."""
    ordered, middle = sorted(values), len(values) // 2
    median = Decimal(ordered[middle] + ordered[~middle]) / 2
    return Typical(Decimal(sum(values)).scaleb(-places), len(values), median.scaleb(-places))
