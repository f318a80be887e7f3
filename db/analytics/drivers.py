"""How many people charged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from db.analytics.buckets import Bucket, Grain, Key, buckets
from db.analytics.ended import ended, groups, key_of
from db.analytics.scope import Period, Scope
from db.arrays import Integers


@dataclass(frozen=True)
class Drivers:
    """`unique`: the different people of the sessions that ended having delivered energy, told apart by their
    user, or else by the id tag (in any case of letters). `unknown`: sessions of nobody known, which are in
    no such number.
    """

    unique: int = 0
    unknown: int = 0


def whole(store: Session, scope: Scope, period: Period) -> Drivers:
    """Of the period as a whole."""
    return _found(store, scope, period, None).get(None, Drivers())


def series(store: Session, scope: Scope, period: Period, grain: Grain) -> dict[Bucket, Drivers]:
    """Of every bucket of the period, in order. Whoever comes again is in several, so they do not add up."""
    found = _found(store, scope, period, grain)
    return {bucket: found.get(bucket, Drivers()) for bucket in buckets(period, grain)}


def _found(store: Session, scope: Scope, period: Period, grain: Grain | None) -> dict[Key, Drivers]:
    rows = ended(store, scope, period, grain, ("energy_wh", "driver"))
    buckets_of, drivers = (rows[name][rows["energy_wh"] > 0] for name in ("bucket", "driver"))
    numbers, places = groups(buckets_of)
    return {
        key_of(number, grain): _drivers(drivers[place])
        for (number,), place in zip(numbers, places, strict=True)
    }


def _drivers(found: Integers) -> Drivers:
    known = found[found != 0]
    return Drivers(len(np.unique(known)), len(found) - len(known))
