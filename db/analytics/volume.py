"""How much was charged: sessions, energy, revenue. All of it counts where a session ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from sqlalchemy.orm import Session

from db.analytics.buckets import Bucket, Grain, Key, buckets
from db.analytics.ended import Places, ended, groups, key_of
from db.analytics.scope import Period, Scope
from db.analytics.summed import summed
from db.columns import from_minor
from db.packed import UNKNOWN, Columns

_METRICS = ("sessions", "attempts", "energy_wh", "revenue_minor", "tax_minor")


@dataclass(frozen=True)
class Volume:
    """What ended in a time.

    `sessions`: those that delivered energy; `attempts`: all. `energy_wh`: by the meter registers. `revenue`
    (gross), `tax` (contained in it) and `net` (without it) are by currency, in those in which something
    ended; a session whose cost is not known adds nothing.
    """

    sessions: int = 0
    attempts: int = 0
    energy_wh: int = 0
    revenue: dict[str, Decimal] = field(default_factory=dict)
    tax: dict[str, Decimal] = field(default_factory=dict)

    @property
    def net(self) -> dict[str, Decimal]:
        return {currency: gross - self.tax[currency] for currency, gross in self.revenue.items()}


def whole(store: Session, scope: Scope, period: Period) -> Volume:
    """Of the period as a whole."""
    return _volumes(sums(store, scope, period, None)).get(None, Volume())


def series(store: Session, scope: Scope, period: Period, grain: Grain) -> dict[Bucket, Volume]:
    """Of every bucket of the period, in order."""
    found = _volumes(sums(store, scope, period, grain))
    return {bucket: found.get(bucket, Volume()) for bucket in buckets(period, grain)}


_Sums = dict[tuple[Key, str], list[int]]


def sums(store: Session, scope: Scope, period: Period, grain: Grain | None) -> _Sums:
    """By bucket and currency: sessions, attempts, Wh, and revenue and tax in minor units."""
    if grain != "hour":
        return summed(store, scope, period, grain, _METRICS)
    names = ("energy_wh", "cost", "tax")
    rows = ended(store, scope, period, grain, names)
    currencies = Places.of(store, scope).currencies
    numbers, places = groups(rows["bucket"], rows["currency"])
    return {
        (key_of(number, grain), currencies[currency]): _summed({name: rows[name][place] for name in names})
        for (number, currency), place in zip(numbers, places, strict=True)
    }


def _summed(rows: Columns) -> list[int]:
    """In the order of `_METRICS`."""
    cost, tax = (rows[name][rows[name] != UNKNOWN] for name in ("cost", "tax"))
    energy_wh = rows["energy_wh"]
    sums = (energy_wh > 0).sum(), len(energy_wh), energy_wh.sum(), cost.sum(), tax.sum()
    return [int(each) for each in sums]


def _volumes(sums: _Sums) -> dict[Key, Volume]:
    found: dict[Key, Volume] = {}
    for (key, currency), (sessions, attempts, energy_wh, revenue, tax) in sorted(sums.items(), key=str):
        known = found.get(key, Volume())
        if attempts:
            found[key] = Volume(
                known.sessions + sessions,
                known.attempts + attempts,
                known.energy_wh + energy_wh,
                {**known.revenue, currency: from_minor(revenue)},
                {**known.tax, currency: from_minor(tax)},
            )
    return found
