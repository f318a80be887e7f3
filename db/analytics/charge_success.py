"""How often a charge that somebody wanted came about: the ChargeX key performance indicators. Pure.

| indicator | of | in |
|---|---|---|
| charge start success | attempts in which power was delivered | attempts |
| charge end success (equation 10) | attempts with a valid stop | attempts in which power was delivered |
| session success (12, 14 to 16) | attempts with a valid stop | attempts |
| first-attempt success | visits whose first attempt succeeded | visits |

`db.analytics.attempts` says how attempts, deliveries of power and valid stops are read from the store. Rates
of several stations or days are pooled: numerators and denominators are added up, and rates never averaged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import timedelta
from enum import Enum
from itertools import groupby
from typing import Literal, NamedTuple

# Whoever tries again within this time has not given up: it is one visit. Who is not known is only taken for
# the same person where the same port is tried again at once.
SAME_VISIT = timedelta(minutes=30)
SAME_VISIT_ANONYMOUS = timedelta(minutes=2)
_PATIENCE, _PATIENCE_ANONYMOUS = (int(each.total_seconds()) for each in (SAME_VISIT, SAME_VISIT_ANONYMOUS))


class Rate(NamedTuple):
    """`part` of `whole`, both counts."""

    part: int
    whole: int

    @property
    def share(self) -> float | None:
        return self.part / self.whole if self.whole else None


class Attempt(NamedTuple):
    """One try to charge, from `start` until `stop` (the same where nothing came of it): seconds since 1970.

    `station` and `port` are the store's keys of the station and its connector, `kind` and `pk` name the row
    that it was read from. `driver` is whoever tried, None where nobody knows. An attempt that is not over
    counts nowhere yet, nor does the visit that it is part of.
    """

    station: int
    port: int | None
    driver: str | None
    start: int
    stop: int
    has_power: bool
    is_valid: bool
    is_over: bool = True
    kind: Literal["session", "command"] = "session"
    pk: int = 0


class Outcome(Enum):
    """Of a visit: charged at once, charged after further attempts, not charged."""

    FIRST_ATTEMPT = "first_attempt"
    TROUBLED = "troubled"
    FAILED = "failed"


class Visit(NamedTuple):
    """The attempts of one person at one station without a long pause, in order."""

    attempts: tuple[Attempt, ...]

    @property
    def outcome(self) -> Outcome:
        if self.attempts[0].is_valid:
            return Outcome.FIRST_ATTEMPT
        return Outcome.TROUBLED if any(each.is_valid for each in self.attempts) else Outcome.FAILED

    @property
    def start(self) -> int:
        return self.attempts[0].start

    @property
    def stop(self) -> int:
        return max(each.stop for each in self.attempts)

    @property
    def is_over(self) -> bool:
        return all(each.is_over for each in self.attempts)


@dataclass(slots=True)
class Tally:
    """What the rates are made of: attempts, those with power, those of them with a valid stop; and visits by
    their outcome.
    """

    attempts: int = 0
    powered: int = 0
    valid: int = 0
    first_attempt: int = 0
    troubled: int = 0
    failed: int = 0

    def add_attempt(self, attempt: Attempt) -> None:
        self.attempts += 1
        if attempt.has_power:
            self.powered += 1
            self.valid += attempt.is_valid

    def add_visit(self, outcome: Outcome) -> None:
        if outcome is Outcome.FIRST_ATTEMPT:
            self.first_attempt += 1
        elif outcome is Outcome.TROUBLED:
            self.troubled += 1
        else:
            self.failed += 1

    @property
    def visits(self) -> int:
        return self.first_attempt + self.troubled + self.failed

    @property
    def charge_start_success(self) -> Rate:
        return Rate(self.powered, self.attempts)

    @property
    def charge_end_success(self) -> Rate:
        return Rate(self.valid, self.powered)

    @property
    def session_success(self) -> Rate:
        return Rate(self.valid, self.attempts)

    @property
    def first_attempt_success(self) -> Rate:
        return Rate(self.first_attempt, self.visits)


def pooled(tallies: Iterable[Tally]) -> Tally:
    return Tally(*map(sum, zip(*map(astuple, tallies), strict=True)))


def visits(attempts: Iterable[Attempt]) -> Iterator[Visit]:
    """The attempts as visits, in no order; each attempt is in one."""
    ordered = sorted(attempts, key=lambda each: (*_who(each), each.start))
    for _, theirs in groupby(ordered, key=_who):
        yield from _without_long_pauses(list(theirs))


def _who(attempt: Attempt) -> tuple[str, int]:
    if attempt.driver:
        return (attempt.driver.upper(), attempt.station)
    # A port that is not known is nobody else's: each attempt there is a visit of its own.
    return ("", attempt.port if attempt.port is not None else -attempt.pk)


def _without_long_pauses(attempts: Sequence[Attempt]) -> Iterator[Visit]:
    patience = _PATIENCE if attempts[0].driver else _PATIENCE_ANONYMOUS
    begun, until = 0, attempts[0].stop
    for place, attempt in enumerate(attempts):
        if attempt.start - until > patience:
            yield Visit(tuple(attempts[begun:place]))
            begun, until = place, attempt.stop
        elif attempt.stop > until:
            until = attempt.stop
    yield Visit(tuple(attempts[begun:]))
