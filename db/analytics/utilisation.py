"""How much use is made of connectors: the metrics of the Atlas charging-use specification.

Times are sums over connectors, and all rates are over the *open time* (`db.analytics.capacity`): connectors
times the hours in which they are open. A rate of several connectors is the rate of their sums, never the mean
of their rates. What is occupied, charging or delivered counts when it passed, and of sessions that ended: one
that still runs is added, for all the time it took, when it ends.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from db.analytics.buckets import Bucket, Grain, Key, Parts, buckets
from db.analytics.capacity import Capacity, capacity, ports
from db.analytics.ended import Charges, charges
from db.analytics.hours import by_hour
from db.analytics.scope import Period, Scope
from db.analytics.summed import summed
from db.sums import WH_BY_HOUR


@dataclass(frozen=True)
class Use:
    """`occupied`: plugged in; `charging`: energy flowed; `open`: all connectors' open time.

    `energy_wh` is what flowed in the time (not what ended in it), and `deliverable_wh` what the connectors
    would have delivered in it at their rated power, None where the rating of one is not known (`unrated` says
    of how many).
    """

    occupied: timedelta
    charging: timedelta
    open: timedelta
    energy_wh: int = 0
    deliverable_wh: int | None = None
    unrated: int = 0

    @property
    def idle(self) -> timedelta:
        """Plugged in without charging."""
        return self.occupied - self.charging

    @property
    def occupied_share(self) -> float | None:
        """Occupied utilisation."""
        return self._share(self.occupied)

    @property
    def charging_share(self) -> float | None:
        """Station utilisation, as Atlas calls it."""
        return self._share(self.charging)

    @property
    def idle_share(self) -> float | None:
        """Idle utilisation."""
        return self._share(self.idle)

    @property
    def capacity_factor(self) -> float | None:
        """Energy delivered, of what could have been."""
        return self.energy_wh / self.deliverable_wh if self.deliverable_wh else None

    def _share(self, time: timedelta) -> float | None:
        return time / self.open if self.open else None


_NONE = Use(timedelta(), timedelta(), timedelta(), deliverable_wh=0)


def whole(store: Session, scope: Scope, period: Period, now: datetime) -> Use:
    """Of the period as a whole, up to now."""
    return _uses(store, scope, period, None, now).get(None, _NONE)


def series(store: Session, scope: Scope, period: Period, grain: Grain, now: datetime) -> dict[Bucket, Use]:
    """Of every bucket of the period, in order."""
    found = _uses(store, scope, period, grain, now)
    return {bucket: found.get(bucket, _NONE) for bucket in buckets(period, grain)}


def _uses(store: Session, scope: Scope, period: Period, grain: Grain | None, now: datetime) -> dict[Key, Use]:
    there = capacity(ports(store, scope), period, grain, now)
    times = _times(store, scope, period, grain)
    energy_wh = by_hour(store, scope, period, grain, WH_BY_HOUR)
    return {
        key: _use(times.get(key, (0, 0)), energy_wh.get(key, 0), there.get(key, Capacity()))
        for key in times.keys() | energy_wh.keys() | there.keys()
    }


def _use(seconds: tuple[int, int], energy_wh: int, there: Capacity) -> Use:
    occupied, charging = (timedelta(seconds=each) for each in seconds)
    return Use(occupied, charging, there.open, energy_wh, there.deliverable_wh, there.unrated)


def _times(store: Session, scope: Scope, period: Period, grain: Grain | None) -> dict[Key, tuple[int, int]]:
    """Occupied and charging seconds by bucket."""
    found: dict[Key, tuple[int, int]] = defaultdict(lambda: (0, 0))
    if grain == "hour":
        return _by_hour(charges(store, scope, period), period)
    metrics = ("occupied_seconds", "charging_seconds")
    for (key, _), seconds in summed(store, scope, period, grain, metrics).items():
        found[key] = found[key][0] + seconds[0], found[key][1] + seconds[1]
    return found


def _by_hour(found: Charges, period: Period) -> dict[Key, tuple[int, int]]:
    times: dict[Key, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for number, zone in enumerate(found.zones):
        hours, here = Parts.of(period, zone, "hour"), found.of_zone(number)
        occupied, charging = hours.shared(here.begun, here.ended), hours.shared(here.begun, here.charged)
        for key, *seconds in zip(hours.keys, occupied.tolist(), charging.tolist(), strict=True):
            known = times[key]
            times[key] = known[0] + seconds[0], known[1] + seconds[1]
    return times
