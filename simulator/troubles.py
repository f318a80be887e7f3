"""When things are out of order: outages one after the other, at the rates that the fleet gives. Pure."""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile
from types import MappingProxyType

from simulator.fleet import Outage, StopReason

_DAY_SECONDS = 86_400.0

# Troubles that have a stop reason of their own; any other ends a transaction with Other.
_ENDS_WITH: Mapping[str | None, StopReason] = MappingProxyType(
    {"CX008": "EmergencyStop", "CX015": "PowerLoss"}
)


def stop_reason_for(outage: Outage) -> StopReason:
    """With which reason a transaction ends that the outage cuts off."""
    return _ENDS_WITH.get(outage.vendor_error_code, "Other")


@dataclass(frozen=True)
class Trouble:
    """An outage from `start` to `end`, half-open."""

    start: datetime
    end: datetime
    outage: Outage

    def overlaps(self, start: datetime, end: datetime) -> bool:
        return self.start < end and start < self.end


def troubles(
    kinds: Sequence[Outage], *, factor: float, start: datetime, rng: random.Random
) -> Iterator[Trouble]:
    """Outages of these kinds after `start`, for ever, none before the one before has ended."""
    if not kinds:
        return
    rates = [outage.per_day * factor for outage in kinds]
    moment = start
    while True:
        moment += timedelta(seconds=int(rng.expovariate(sum(rates) / _DAY_SECONDS)))
        outage = rng.choices(kinds, rates)[0]
        seconds = 60 * rng.lognormvariate(math.log(outage.minutes), outage.spread)
        trouble = Trouble(moment, moment + timedelta(seconds=1 + int(seconds)), outage)
        yield trouble
        moment = trouble.end


def within(schedule: Iterator[Trouble], end: datetime) -> list[Trouble]:
    """Those that begin before `end`, cut off there."""
    begun = takewhile(lambda trouble: trouble.start < end, schedule)
    return [replace(trouble, end=min(trouble.end, end)) for trouble in begun]


def without(schedule: Iterable[Trouble], cuts: Sequence[Trouble]) -> list[Trouble]:
    """The parts of `schedule` during which none of `cuts` was going on."""
    parts = list(schedule)
    for cut in cuts:
        parts = [piece for part in parts for piece in _outside(part, cut)]
    return parts


def _outside(part: Trouble, cut: Trouble) -> list[Trouble]:
    if not part.overlaps(cut.start, cut.end):
        return [part]
    pieces = (replace(part, end=cut.start), replace(part, start=cut.end))
    return [piece for piece in pieces if piece.start < piece.end]


class Schedule:
    """Troubles that do not overlap, to be asked by time."""

    def __init__(self, schedule: Iterable[Trouble]) -> None:
        self._troubles = sorted(schedule, key=lambda trouble: trouble.start)
        self._starts = [trouble.start for trouble in self._troubles]

    def has(self, moment: datetime) -> bool:
        """Whether something is out of order at `moment`."""
        index = bisect_right(self._starts, moment)
        return index > 0 and moment < self._troubles[index - 1].end

    def next_after(self, moment: datetime) -> Trouble | None:
        index = bisect_right(self._starts, moment)
        return self._troubles[index] if index < len(self._troubles) else None
