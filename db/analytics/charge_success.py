"""How often a charge that somebody wanted came about: the ChargeX key performance indicators. Pure.

| indicator | of | in |
|---|---|---|
| charge start success | attempts in which power was delivered | attempts |
| charge end success (equation 10) | attempts with a valid stop | attempts in which power was delivered |
| session success (12, 14 to 16) | attempts with a valid stop | attempts |
| first-attempt success | visits whose first attempt succeeded | visits |

An attempt is a session that was started, or a start from afar that came to nothing. Power was delivered where
the meter rose or the connector charged; a stop is valid by its reason (`outcome.VALID_STOP_REASONS`), after
more than 0.1 kWh, where the connector is not faulted next. Rates of several stations are pooled: numerators
and denominators are added up, and rates never averaged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import groupby
from typing import NamedTuple

# Whoever tries again within this time has not given up: it is one visit. Who is not known by an id tag is
# only taken for the same person where the same port is tried again at once.
SAME_VISIT = timedelta(minutes=30)
SAME_VISIT_ANONYMOUS = timedelta(minutes=2)


class Rate(NamedTuple):
    """`part` of `whole`, both counts."""

    part: int
    whole: int

    @property
    def share(self) -> float | None:
        return self.part / self.whole if self.whole else None


def pooled(rates: Iterable[Rate]) -> Rate:
    found = list(rates)
    return Rate(sum(rate.part for rate in found), sum(rate.whole for rate in found))


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try to charge, from `start` until `stop` (the same where nothing came of it).

    `location` and `port` are the store's keys of the station and its connector.
    """

    location: int
    port: int
    id_tag: str | None
    start: datetime
    stop: datetime
    has_power: bool
    is_valid: bool


class Outcome(Enum):
    """Of a visit: charged at once, charged after further attempts, not charged."""

    FIRST_ATTEMPT = "first_attempt"
    TROUBLED = "troubled"
    FAILED = "failed"


@dataclass(frozen=True)
class Visit:
    """The attempts of one person at one location without a long pause, in order."""

    attempts: tuple[Attempt, ...]

    @property
    def outcome(self) -> Outcome:
        if self.attempts[0].is_valid:
            return Outcome.FIRST_ATTEMPT
        return Outcome.TROUBLED if any(each.is_valid for each in self.attempts) else Outcome.FAILED


def charge_start_success(attempts: Sequence[Attempt]) -> Rate:
    return Rate(sum(each.has_power for each in attempts), len(attempts))


def charge_end_success(attempts: Sequence[Attempt]) -> Rate:
    powered = [each for each in attempts if each.has_power]
    return Rate(sum(each.is_valid for each in powered), len(powered))


def session_success(attempts: Sequence[Attempt]) -> Rate:
    return Rate(sum(each.is_valid for each in attempts), len(attempts))


def first_attempt_success(found: Sequence[Visit]) -> Rate:
    return Rate(sum(visit.outcome is Outcome.FIRST_ATTEMPT for visit in found), len(found))


def visits(attempts: Iterable[Attempt]) -> list[Visit]:
    """The attempts as visits, by when these began."""
    ordered = sorted(attempts, key=lambda each: (*_who(each), each.start))
    found = [visit for _, theirs in groupby(ordered, key=_who) for visit in _without_long_pauses(theirs)]
    return sorted(found, key=lambda visit: visit.attempts[0].start)


def _who(attempt: Attempt) -> tuple[bool, str, int]:
    if attempt.id_tag:
        return (True, attempt.id_tag.upper(), attempt.location)
    return (False, "", attempt.port)


def _without_long_pauses(attempts: Iterable[Attempt]) -> Iterator[Visit]:
    together: list[Attempt] = []
    until = datetime.min.replace(tzinfo=UTC)
    for attempt in attempts:
        patience = SAME_VISIT if attempt.id_tag else SAME_VISIT_ANONYMOUS
        if together and attempt.start - until > patience:
            yield Visit(tuple(together))
            together = []
        until = max(until, attempt.stop) if together else attempt.stop
        together.append(attempt)
    if together:
        yield Visit(tuple(together))
