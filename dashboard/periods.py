"""The period that a page is about: what can be chosen, and the days that a choice means."""

from __future__ import annotations

from datetime import date, timedelta

from db.analytics.scope import Period
from languages import N_

CHOICES = {
    "7d": N_("7 days"),
    "30d": N_("30 days"),
    "90d": N_("90 days"),
    "12m": N_("12 months"),
    "all": N_("All"),
    "custom": N_("Custom"),
}
DEFAULT = "30d"
EARLIEST = date(2000, 1, 1)
# How long a bar of a chart is. `auto` is as long as lets them be told apart.
AUTO = "auto"
GRAINS = {AUTO: N_("Auto"), "hour": N_("Hour"), "day": N_("Day"), "week": N_("Week"), "month": N_("Month")}
# The same within a sentence.
_LENGTHS = (N_("hour"), N_("day"), N_("week"), N_("month"))
_MOST_DAYS = {"hour": 7, "day": 400}
_LEAST_DAYS = {"week": 14, "month": 60}
_DAYS = {"7d": 7, "30d": 30, "90d": 90}

History = tuple[date, date] | None  # the days of the first and the last session


def period_of(choice: str, today: date, history: History, dates: tuple[date, ...] = ()) -> Period:
    """The days of `choice`, today included. `dates` are the first and last day of a custom period.

    `all` reaches from the first to the last day known, or today where that is later.
    """
    if choice in _DAYS:
        return Period.last_days(_DAYS[choice], today)
    if choice == "12m":
        return Period(_year_before(today) + timedelta(days=1), today + timedelta(days=1))
    if choice == "all" and history:
        return Period(history[0], max(history[1], today) + timedelta(days=1))
    if choice == "custom" and dates:
        return Period(min(dates), max(dates) + timedelta(days=1))
    return Period.last_days(_DAYS[DEFAULT], today)


def dates_of(first: str, last: str, today: date) -> tuple[date, date] | None:
    """The days that two ISO dates name, from `EARLIEST` to today; None where they name none."""
    try:
        days = sorted((date.fromisoformat(first), date.fromisoformat(last)))
    except ValueError:
        return None
    first_day, last_day = (min(max(day, EARLIEST), today) for day in days)
    return first_day, last_day


def grains_of(period: Period) -> list[str]:
    """The keys of `GRAINS` with which a chart of the period has neither one bar nor too many."""
    return [
        grain
        for grain in GRAINS
        if _LEAST_DAYS.get(grain, 0) <= period.days <= _MOST_DAYS.get(grain, period.days)
    ]


def has_data(period: Period, history: History, observed: bool) -> bool:
    """Whether a zero is a measurement: something was observed, or history covers a part of the period."""
    covered = history is not None and period.start <= history[1] and history[0] < period.end
    return observed or covered


def _year_before(day: date) -> date:
    # Only 29 February has no such day a year before.
    return day.replace(year=day.year - 1) if (day.month, day.day) != (2, 29) else date(day.year - 1, 2, 28)
