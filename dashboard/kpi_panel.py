"""The cards of a view with the figures behind them, beside those of the period before."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard import formats, kpi_cards, loading
from dashboard.loading import Overview
from dashboard.markup import Card
from dashboard.periods import CHOICES, has_data
from dashboard.view import View
from db.analytics.scope import Period


@dataclass(frozen=True)
class Panel:
    """`now` None is a period without data, `before` None one that there is nothing to compare with."""

    now: Overview | None
    before: Overview | None
    cards: list[Card]


def kpi_panel(view: View) -> Panel:
    now = _load(view, view.period)
    before = None
    comparison = None
    if now and _is_comparable(view):
        before = _load(view, view.period.previous(), now.currency)
        comparison = _compare(view, now.currency)
    return Panel(now, before, kpi_cards.cards(now, comparison, _compared_with(view)))


def _load(view: View, period: Period, currency: str | None = None) -> Overview | None:
    found = loading.overview(view.scope, period, currency)
    return found if has_data(period, view.history, found.summary.availability is not None) else None


def _is_comparable(view: View) -> bool:
    history = view.history
    return view.choice != "all" and history is not None and history[0] <= view.period.previous().start


def _compare(view: View, currency: str) -> kpi_cards.Comparison | None:
    """The complete days of the period, and as many just one period earlier."""
    complete = view.period.without_day(view.today)
    if complete is None:
        return None
    later = _load(view, complete, currency)
    earlier = _load(view, complete.shifted(-view.period.days), currency)
    return kpi_cards.Comparison(later, earlier) if later and earlier else None


def _compared_with(view: View) -> str:
    if view.choice == "all" or view.history is None:
        return ""
    if view.history[0] > view.period.previous().start:
        # A part of a period would make any growth look like a leap.
        return f"history begins {formats.day(view.history[0])}"
    if view.choice == "custom":
        return f"vs previous {view.period.days} day{'' if view.period.days == 1 else 's'}"
    return f"vs previous {CHOICES[view.choice]}"
