"""What the clocks of a time zone read, for many instants at little cost: numbers in, numbers out.

An instant is whole seconds since 1970, a reading is the same number on the local clock: its day is
`reading // DAY`, its hour `reading % DAY // HOUR`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

HOUR, DAY = 3600, 86_400
_FIRST_DAY = date(1970, 1, 1).toordinal()


class Part(NamedTuple):
    """`seconds` from the instant `start`, at which the local clock read `reading`."""

    start: int
    reading: int
    seconds: int


class Clock:
    def __init__(self, zone: ZoneInfo):
        self._zone = zone
        self._offsets: dict[int, int | None] = {}
        self._midnights: dict[int, int] = {}

    def reading(self, instant: int) -> int:
        day = instant // DAY
        if day not in self._offsets:
            first, last = self._offset(day * DAY), self._offset((day + 1) * DAY)
            self._offsets[day] = first if first == last else None
        offset = self._offsets[day]
        # On a day on which the clocks jump each instant is looked up.
        return instant + (self._offset(instant) if offset is None else offset)

    def hours(self, start: int, end: int) -> Iterator[Part]:
        """The parts of [start, end) by hour of the local clock."""
        while start < end:
            reading = self.reading(start)
            part_end = min(end, start + HOUR - reading % HOUR)
            yield Part(start, reading, part_end - start)
            start = part_end

    def days(self, start: int, end: int) -> Iterator[Part]:
        """The parts of [start, end) by local day, of 23 to 25 hours."""
        while start < end:
            reading = self.reading(start)
            part_end = self.midnight(reading // DAY + 1)
            if part_end <= start:
                # Clocks that are put back over midnight show the evening of a day after its end.
                part_end = start + HOUR - reading % HOUR
            part_end = min(end, part_end)
            yield Part(start, reading, part_end - start)
            start = part_end

    def offsets(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """What is to be added to the instants of [start, end) to read them: (until before when, how much)."""
        while start < end:
            offset, same, other = self._offset(start), start, start
            while same < end and self._offset(other := min(same + DAY, end)) == offset:
                same = other
            while other - same > 1:
                middle = (same + other) // 2
                same, other = (middle, other) if self._offset(middle) == offset else (same, middle)
            start = other if same < end else end
            yield start, offset

    def midnight(self, day: int) -> int:
        """The instant at which the local day begins."""
        if day not in self._midnights:
            self._midnights[day] = int(datetime.combine(date_of(day), time(), self._zone).timestamp())
        return self._midnights[day]

    def _offset(self, instant: int) -> int:
        # Whole seconds: before time zones were introduced, some clocks had others.
        offset = datetime.fromtimestamp(instant, UTC).astimezone(self._zone).utcoffset()
        return int(offset.total_seconds()) if offset is not None else 0


@lru_cache(maxsize=64)
def clock(timezone: str) -> Clock:
    return Clock(ZoneInfo(timezone))


@lru_cache(maxsize=20_000)
def date_of(day: int) -> date:
    return date.fromordinal(_FIRST_DAY + day)
