"""On how many days stations were in use, and which were not at all.

A station is in use on a day on which a connector of it was occupied by a session that counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from db.analytics.buckets import Bucket, Grain, Key, Parts, bucket_of, buckets
from db.analytics.capacity import open_stations, ports
from db.analytics.ended import Charges, charges
from db.analytics.scope import Period, Scope
from db.analytics.statements import built_once, in_days
from db.models import Rollup


@dataclass(frozen=True)
class Activity:
    """`days` are those on which any station was in use, `station_days` those of each added up (Atlas's in-use
    days). `used` and `unused` are the `ocpp_stations.id` of the stations that were in use, and of those that
    were open (`db.analytics.capacity`) and were not.
    """

    days: int = 0
    station_days: int = 0
    used: frozenset[int] = field(default_factory=frozenset)
    unused: frozenset[int] = field(default_factory=frozenset)


def whole(store: Session, scope: Scope, period: Period, now: datetime) -> Activity:
    """Of the period as a whole, up to now."""
    return _found(store, scope, period, None, now).get(None, Activity())


def series(
    store: Session, scope: Scope, period: Period, grain: Grain, now: datetime
) -> dict[Bucket, Activity]:
    """Of every bucket of the period, in order; the days of an hour are 0 or 1."""
    found = _found(store, scope, period, grain, now)
    return {bucket: found.get(bucket, Activity()) for bucket in buckets(period, grain)}


def _found(
    store: Session, scope: Scope, period: Period, grain: Grain | None, now: datetime
) -> dict[Key, Activity]:
    days: dict[Key, set[date]] = defaultdict(set)
    station_days: dict[Key, int] = defaultdict(int)
    used: dict[Key, set[int]] = defaultdict(set)
    for key, day, station_pk in set(_in_use(store, scope, period, grain)):
        days[key].add(day)
        station_days[key] += 1
        used[key].add(station_pk)
    there = open_stations(ports(store, scope), period, grain, now)
    return {
        key: Activity(
            len(days[key]),
            station_days[key],
            frozenset(used[key]),
            frozenset(there.get(key, set()) - used[key]),
        )
        for key in used.keys() | there.keys()
    }


def _in_use(
    store: Session, scope: Scope, period: Period, grain: Grain | None
) -> Iterator[tuple[Key, date, int]]:
    """Each day of each station that was in use, by bucket."""
    if grain == "hour":
        yield from _hours_in_use(charges(store, scope, period), period)
        return
    for station_pk, day in _days(scope).rows(store, period.told):
        yield bucket_of(day, 0, grain), day, station_pk


def _hours_in_use(found: Charges, period: Period) -> Iterator[tuple[Key, date, int]]:
    for number, zone in enumerate(found.zones):
        hours, here = Parts.of(period, zone, "hour"), found.of_zone(number)
        last = len(hours.keys)
        starts = np.clip(hours.place(here.begun), 0, last)
        ends = np.clip(hours.place(here.ended - 1) + 1, 0, last)
        pks, stations = np.unique(here.station, return_inverse=True)
        # How many more sessions begin than end in an hour, added up, are those that pass in it.
        changes = np.zeros((last + 1, len(pks)), np.int64)
        passed = here.begun < here.ended
        np.add.at(changes, (starts[passed], stations[passed]), 1)
        np.add.at(changes, (ends[passed], stations[passed]), -1)
        for place, station in np.argwhere(np.cumsum(changes, axis=0)[:last] > 0).tolist():
            key = hours.keys[place]
            if key is not None:
                yield key, key.day, int(pks[station])


@built_once
def _days(scope: Scope) -> Select[int, date]:
    return select(Rollup.scope_id, Rollup.bucket).where(
        Rollup.scope == "station",
        Rollup.scope_id.in_(scope.stations()),
        in_days(),
        Rollup.occupied_seconds > 0,
    )
