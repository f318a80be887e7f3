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

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from enum import Enum
from typing import NamedTuple


class Rate(NamedTuple):
    """`part` of `whole`, both counts."""

    part: int
    whole: int

    @property
    def share(self) -> float | None:
        return self.part / self.whole if self.whole else None


class Outcome(Enum):
    """Of a visit: charged at once, charged after further attempts, not charged."""

    FIRST_ATTEMPT = "first_attempt"
    TROUBLED = "troubled"
    FAILED = "failed"


@dataclass(frozen=True)
class Tally:
    """What the rates are made of: attempts, those with power, those with a valid stop; visits by outcome."""

    attempts: int = 0
    powered: int = 0
    valid: int = 0
    first_attempt: int = 0
    troubled: int = 0
    failed: int = 0

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
