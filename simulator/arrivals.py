"""When cars come: a Poisson process whose rate follows the local hour and the day of the week."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from simulator.fleet import ArrivalCurve, Station


def share(curve: ArrivalCurve, local: datetime) -> float:
    """Share of a weekday's arrivals that come in the hour of `local`."""
    if local.weekday() < 5:
        return curve.weekday[local.hour] / sum(curve.weekday)
    return curve.weekend_factor * curve.weekend[local.hour] / sum(curve.weekend)


def highest_share(curve: ArrivalCurve) -> float:
    weekend = curve.weekend_factor * max(curve.weekend) / sum(curve.weekend)
    return max(max(curve.weekday) / sum(curve.weekday), weekend)


def arrivals(
    station: Station,
    curve: ArrivalCurve,
    *,
    start: datetime,
    zone: ZoneInfo,
    rng: random.Random,
    growth: Callable[[datetime], float] = lambda _: 1.0,
) -> Iterator[datetime]:
    """Times at which cars come to `station` after `start`, for ever, in aware UTC.

    `growth` is the level of demand at a time, from 0 to 1. Drawn by thinning: candidates at the highest
    rate, of which each is kept with the share that its own hour has of that rate.
    """
    highest = highest_share(curve)
    highest_per_second = station.sessions_per_day * highest / 3600
    moment = start
    while True:
        moment += timedelta(seconds=rng.expovariate(highest_per_second))
        wanted = share(curve, moment.astimezone(zone)) * growth(moment)
        if rng.random() * highest < wanted:
            yield moment.astimezone(UTC)


def busyness(curve: ArrivalCurve, local: datetime) -> float:
    """How busy the hour of `local` is against the busiest, from 0 to 1."""
    return share(curve, local) / highest_share(curve)
