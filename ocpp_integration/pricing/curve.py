"""The meter of a session as a line through its readings: when it showed what, and what it showed when."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import timedelta
from fractions import Fraction

from ocpp_integration.pricing.usage import Reading

_MICROSECOND = timedelta(microseconds=1)
_PER_SECOND = 10**6


class Curve:
    """`readings`, at least one, are in order. Times are seconds since the first."""

    def __init__(self, readings: Sequence[Reading]):
        origin = readings[0].at
        # Whole numbers, since there may be thousands.
        self._times = [(reading.at - origin) // _MICROSECOND for reading in readings]
        self._energies = [reading.energy_wh for reading in readings]

    @property
    def end(self) -> tuple[Fraction, Fraction]:
        """Seconds and Wh."""
        return self._point(-1)

    def at(self, seconds: Fraction) -> Fraction:
        """Wh at a moment within the session; where the meter jumped, after the jump."""
        time = seconds * _PER_SECOND
        after = bisect_right(self._times, time)
        if after == len(self._times):
            return Fraction(self._energies[-1])
        start, end = self._times[after - 1], self._times[after]
        low, high = self._energies[after - 1], self._energies[after]
        return low + (high - low) * (time - start) / (end - start)

    def reaches(self, energy_wh: Fraction) -> Fraction:
        """Seconds until the meter first shows so much, which it does before the session ends."""
        after = bisect_left(self._energies, energy_wh)
        start, end = self._times[after - 1], self._times[after]
        low, high = self._energies[after - 1], self._energies[after]
        return (start + (end - start) * (energy_wh - low) / (high - low)) / _PER_SECOND

    def points(self) -> Iterator[tuple[Fraction, Fraction]]:
        """Seconds and Wh of every reading."""
        return (self._point(number) for number in range(len(self._times)))

    def _point(self, number: int) -> tuple[Fraction, Fraction]:
        return Fraction(self._times[number], _PER_SECOND), Fraction(self._energies[number])
