"""The hours, days, weeks and months of a period, as the stations' own clocks read them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Literal, NamedTuple

import numpy as np

from db.analytics.scope import Period
from db.arrays import Integers
from db.clocks import DAY, HOUR, clock, date_of

Grain = Literal["hour", "day", "week", "month"]


class Bucket(NamedTuple):
    """`day` is its first day: of a week the Monday, of a month the first, even where the period begins
    later (of these only the days in the period count). `hour` is that of an hour, else None.

    An hour that clocks skip is a bucket without time; one that comes twice is one bucket of both.
    """

    day: date
    hour: int | None = None


# The whole period is a bucket without a name.
Key = Bucket | None


def bucket_of(day: date, hour: int, grain: Grain | None) -> Key:
    """The bucket in which the clock shows this day and hour; None, the whole period, where `grain` is."""
    if grain is None:
        return None
    if grain == "hour":
        return Bucket(day, hour)
    if grain == "week":
        return Bucket(day - timedelta(days=day.weekday()))
    return Bucket(day.replace(day=1) if grain == "month" else day)


def bucket_at(reading: int, grain: Grain | None) -> Key:
    """The same for a reading of `db.clocks`."""
    return bucket_of(date_of(reading // DAY), reading % DAY // HOUR, grain)


def buckets(period: Period, grain: Grain) -> list[Bucket]:
    """All of the period, in order."""
    days = [period.start + timedelta(days=number) for number in range(period.days)]
    found = (bucket_of(day, hour, grain) for day in days for hour in (range(24) if grain == "hour" else [0]))
    return [bucket for bucket in dict.fromkeys(found) if bucket is not None]


def parts(timezone: str, start: int, end: int, grain: Grain | None) -> Iterator[tuple[Key, int, int]]:
    """The instants [start, end) taken apart by bucket, in order: (bucket, from, until)."""
    if grain is None:
        if start < end:
            yield None, start, end
        return
    local = clock(timezone)
    for part in (local.hours if grain == "hour" else local.days)(start, end):
        yield bucket_at(part.reading, grain), part.start, part.start + part.seconds


def instants(period: Period, timezone: str) -> tuple[int, int]:
    """The period on the clocks of `timezone`, in seconds since 1970."""
    start, end = period.bounds(timezone)
    return int(start.timestamp()), int(end.timestamp())


class Parts(NamedTuple):
    """A period on one clock taken apart by bucket: the part from `bounds[n]` until before `bounds[n + 1]` is
    of `keys[n]`. A bucket has two parts where clocks are put back.
    """

    bounds: Integers
    keys: list[Key]

    @classmethod
    def of(cls, period: Period, timezone: str, grain: Grain | None) -> Parts:
        start, end = instants(period, timezone)
        found = list(parts(timezone, start, end, grain))
        return cls(np.array([*(begun for _, begun, _ in found), end]), [key for key, _, _ in found])

    def place(self, instants: Integers) -> Integers:
        """The number of the part in which each instant lies; those outside have -1 or a number too high."""
        return np.searchsorted(self.bounds, instants, "right") - 1

    def shared(self, starts: Integers, ends: Integers) -> Integers:
        """How many seconds of all those spans lie in each part. `starts` and `ends` need not be paired."""
        return np.diff(_passed(self.bounds, starts) - _passed(self.bounds, ends))


def _passed(instants: Integers, since: Integers) -> Integers:
    """The seconds that have passed at each instant since all of `since` that came before, added up."""
    ordered = np.sort(since)
    # Small numbers, so that a sum of very many fits.
    ordered, instants = ordered - instants[0], instants - instants[0]
    sums = np.concatenate(([0], np.cumsum(ordered)))
    count = np.searchsorted(ordered, instants)
    found: Integers = count * instants - sums[count]
    return found
