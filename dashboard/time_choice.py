"""Which time a log is looked at in: one of a few spans up to now, or days, on the installation's clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import streamlit as st

from dashboard import choices, loading, resources
from languages import N_, _, translated

TIMES = {
    "hour": N_("Last hour"),
    "day": N_("Last 24 hours"),
    "week": N_("Last 7 days"),
    "all": N_("All kept"),
    "days": N_("Days"),
}
_SPANS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}


@dataclass(frozen=True)
class ChosenTime:
    """From `since` until before `until`, None without a bound. `question` is what was chosen, for the bounds
    of a span move with the clock and are no other question.
    """

    since: datetime | None
    until: datetime | None
    question: tuple[object, ...]


def choose_time(key: str, *, default: str) -> ChosenTime:
    """`default` is a key of `TIMES`."""
    chosen = choices.one(
        st.selectbox,
        _("Time"),
        TIMES,
        format_func=translated(TIMES),
        placeholder=_("Choose an option"),
        key=f"{key}-time",
        default=default,
    )
    if chosen in _SPANS:
        return ChosenTime(datetime.now(UTC) - _SPANS[chosen], None, (chosen,))
    if chosen != "days":
        return ChosenTime(None, None, (chosen,))
    first, last = _choose_days(f"{key}-days")
    return ChosenTime(_midnight(first), _midnight(last + timedelta(days=1)), (first, last))


def _choose_days(key: str) -> tuple[date, date]:
    today = loading.today()
    days = st.date_input(
        _("From and to"),
        (today - timedelta(days=6), today),
        max_value=today,
        format="YYYY-MM-DD",
        key=key,
        width=250,
    )
    return (days[0], days[-1]) if isinstance(days, tuple) and days else (today, today)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), resources.settings().zone).astimezone(UTC)
