"""How many people charged."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.analytics.buckets import Bucket, Grain, Key, buckets
from db.analytics.ended import ended, key_of
from db.analytics.scope import Period, Scope


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
    rows = ended(store, scope, period, grain).c
    query = (
        select(
            rows.bucket,
            func.count(rows.driver.distinct()),
            func.count().filter(rows.driver.is_(None)),
        )
        .where(rows.energy_wh > 0)
        .group_by(rows.bucket)
    )
    return {
        key_of(number, grain): Drivers(unique, unknown) for number, unique, unknown in store.execute(query)
    }
