"""When cars come: a Poisson process whose rate follows the local hour and the day of the week."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from simulator.fleet import Place, Station


@dataclass(frozen=True)
class ArrivalCurve:
    """Weights of the 24 local hours, and how busy a weekend day is against a weekday."""

    weekday: tuple[float, ...]
    weekend: tuple[float, ...]
    weekend_factor: float

    def share(self, local: datetime) -> float:
        """Share of a weekday's arrivals that come in the hour of `local`."""
        if local.weekday() < 5:
            return self.weekday[local.hour] / sum(self.weekday)
        return self.weekend_factor * self.weekend[local.hour] / sum(self.weekend)

    @property
    def highest_share(self) -> float:
        weekend = self.weekend_factor * max(self.weekend) / sum(self.weekend)
        return max(max(self.weekday) / sum(self.weekday), weekend)


# Plateaus by local hour: fast charging from 10:00 to 20:00 has no measured source and is synthetic.
_PLATEAU = (1, 1, 1, 1, 1, 2, 3, 5, 7, 8, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 7, 5, 3, 2)

CURVES: Mapping[Place, ArrivalCurve] = MappingProxyType(
    {
        # Weekdays as 30,114 sessions of ACN-Data have them, in percent.
        "workplace": ArrivalCurve(
            weekday=(0, 0, 0, 0, 1, 7, 22, 29, 7, 4, 3, 3, 5, 4, 3, 5, 3, 2, 1, 1, 0, 0, 0, 0),
            weekend=(0, 0, 0, 0, 0, 1, 3, 6, 9, 11, 11, 10, 10, 9, 8, 7, 6, 4, 3, 2, 0, 0, 0, 0),
            weekend_factor=0.22,
        ),
        # Modes as in EVnetNL 2015: weekdays shortly before nine and after five, weekends before two.
        "public": ArrivalCurve(
            weekday=(1, 0.5, 0.5, 0.5, 1, 2, 4, 7, 10, 9, 7, 6, 6, 6, 6, 6, 7, 9, 8, 6, 5, 4, 3, 2),
            weekend=(1, 0.5, 0.5, 0.5, 0.5, 1, 2, 3, 5, 7, 8, 9, 10, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 2),
            weekend_factor=1.15,
        ),
        "highway": ArrivalCurve(weekday=_PLATEAU, weekend=_PLATEAU, weekend_factor=1.25),
    }
)


def arrivals(
    station: Station,
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
    curve = CURVES[station.place]
    highest_per_second = station.sessions_per_day * curve.highest_share / 3600
    moment = start
    while True:
        moment += timedelta(seconds=rng.expovariate(highest_per_second))
        share = curve.share(moment.astimezone(zone)) * growth(moment)
        if rng.random() * curve.highest_share < share:
            yield moment.astimezone(UTC)


def busyness(place: Place, local: datetime) -> float:
    """How busy the hour of `local` is against the busiest, from 0 to 1."""
    curve = CURVES[place]
    return curve.share(local) / curve.highest_share
