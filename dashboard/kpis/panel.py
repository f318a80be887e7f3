"""The cards of a view with the figures behind them, beside those of the period before."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard import formats, loading
from dashboard.kpis import cards as kpi_cards
from dashboard.loading import Overview
from dashboard.markup import Card
from dashboard.periods import CHOICES, has_data
from dashboard.view import View
from db.analytics.scope import Period
from languages import _, ngettext


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
    if now and is_comparable(view):
        before = _load(view, view.period.previous(), now.currency)
        comparison = _compare(view, now.currency)
    return Panel(now, before, kpi_cards.cards(now, comparison, compared_with(view)))


def _load(view: View, period: Period, currency: str | None = None) -> Overview | None:
    found = loading.overview(view.scope, period, currency)
    return found if has_data(period, view.history, found.summary.availability is not None) else None


def is_comparable(view: View) -> bool:
    """Whether history covers the whole of the period before: against a part any growth looks like a leap."""
    history = view.history
    return view.choice != "all" and history is not None and history[0] <= view.period.previous().start


def complete_days(view: View) -> tuple[Period, Period] | None:
    """The complete days of the period, and as many just one period earlier; None without a complete day."""
    complete = view.period.without_day(view.today)
    return (complete, complete.shifted(-view.period.days)) if complete else None


def compared_with(view: View) -> str:
    """In words; what is to be said where nothing is comparable, too."""
    if view.choice == "all" or view.history is None:
        return ""
    if not is_comparable(view):
        return _("history begins {day}", day=formats.day(view.history[0]))
    if view.choice == "custom":
        return ngettext("vs previous {n} day", "vs previous {n} days", view.period.days)
    return _("vs previous {length}", length=_(CHOICES[view.choice]))


def _compare(view: View, currency: str) -> kpi_cards.Comparison | None:
    days = complete_days(view)
    if days is None:
        return None
    later, earlier = (_load(view, each, currency) for each in days)
    return kpi_cards.Comparison(later, earlier) if later and earlier else None
