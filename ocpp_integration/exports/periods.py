"""Which days a file is of: as people ask for them."""

from __future__ import annotations

import re
from datetime import date, timedelta

from db.analytics.scope import Period

# Nothing is older, and a clock further ahead is wrong; so no date is too far away to compute with.
FIRST_DAY = date(2000, 1, 1)
LAST_DAY = date(2199, 12, 31)
QUARTER = r"^20[0-9]{2}-Q[1-4]$"


class WrongPeriod(ValueError):
    """Such a period there is not; the message says why."""


def days(first: date | None, last: date | None) -> Period | None:
    """From `first` to `last`, both included; None where neither is given. Raises `WrongPeriod`."""
    if first is None and last is None:
        return None
    first, last = first or FIRST_DAY, last or LAST_DAY
    if last < first:
        raise WrongPeriod(f"the last day ({last}) comes before the first ({first})")
    start, end = _clipped(first), _clipped(last)
    return Period(start, end + timedelta(days=1))


def asked(first: date | None, last: date | None, of_quarter: str | None) -> Period | None:
    """The quarter where one is named, else the days. Raises `WrongPeriod`."""
    return quarter(of_quarter) if of_quarter else days(first, last)


def everything() -> Period:
    return Period(FIRST_DAY, LAST_DAY + timedelta(days=1))


def quarter(name: str) -> Period:
    """The days of a quarter written as 2026-Q1. Raises `WrongPeriod`."""
    if not re.fullmatch(QUARTER, name):
        raise WrongPeriod(f"a quarter is written like 2026-Q1, not {name}")
    return _quarter(int(name[:4]), int(name[-1]))


def last_quarter(today: date) -> Period:
    """The newest quarter that is over."""
    year, number = divmod(today.year * 4 + (today.month - 1) // 3 - 1, 4)
    return _quarter(year, number + 1)


def _quarter(year: int, number: int) -> Period:
    start = date(year, 3 * number - 2, 1)
    end = date(year + 1, 1, 1) if number == 4 else date(year, 3 * number + 1, 1)
    return Period(start, end)


def _clipped(day: date) -> date:
    return min(max(day, FIRST_DAY), LAST_DAY)
