"""What a session used, as its meter and its connector tell it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Literal

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Reading:
    """The meter at a moment: Wh since the session's start."""

    at: datetime
    energy_wh: int | Fraction


@dataclass(frozen=True)
class Stretch:
    """Time in which nothing flowed: `idle` because the vehicle asked for nothing, which is parking, or `held`
    by the station, which is neither charging nor parking.
    """

    state: Literal["idle", "held"]
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Reservation:
    """The connector was kept free from `start` to `end`; `expired` says that nobody came."""

    start: datetime
    end: datetime
    expired: bool = False


@dataclass(frozen=True)
class Usage:
    """`readings` are in the order of time and never fall; the first is the session's start, the last its end.

    Between two of them energy flows evenly. There are none where nobody came. `timezone` is the station's.
    Raises `ValueError` for readings out of order.
    """

    readings: tuple[Reading, ...]
    timezone: str
    stretches: tuple[Stretch, ...] = ()
    reservation: Reservation | None = None

    def __post_init__(self) -> None:
        for before, after in pairwise(self.readings):
            if after.at < before.at or after.energy_wh < before.energy_wh:
                raise ValueError(f"a meter does not run backwards: {before} and then {after}")

    @property
    def energy_wh(self) -> int | Fraction:
        return self.readings[-1].energy_wh if self.readings else 0


def seconds_between(start: datetime, end: datetime) -> Fraction:
    return Fraction((end - start) // _MICROSECOND, 10**6)


def moment(start: datetime, seconds: Fraction) -> datetime:
    """The moment so many seconds after `start`, to the microsecond."""
    return start + int(seconds * 10**6) * _MICROSECOND
