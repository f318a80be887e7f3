"""Days and months by their names in the language that is spoken, from CLDR."""

from __future__ import annotations

from datetime import date

from babel.dates import format_date

from languages import current

# A Monday, from which the days of a week are counted.
_MONDAY = date(2024, 1, 1)


def told(day: date, pattern: str) -> str:
    """By a pattern of CLDR: `EEE d MMM y` is Sun 22 Nov 2026, `MMMM y` November 2026."""
    return format_date(day, pattern, locale=current())


def weekday(number: int) -> str:
    """Its short name; Monday is 0."""
    return told(_MONDAY.replace(day=1 + number), "EEE")
