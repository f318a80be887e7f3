"""The five cards of the Overview, from two periods' figures. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from dashboard import formats
from dashboard.formats import Amount
from dashboard.loading import Overview
from dashboard.markup import Card, Change
from db.analytics.definitions import KPIS, Kpi
from db.analytics.series import DayPoint
from languages import N_, _


@dataclass(frozen=True)
class _Kpi:
    """How one card reads a period: its value (None: no data), in words, and each day's for the sparkline.

    `key` is that of its definition, which says the rest.
    """

    key: str
    value: Callable[[Overview], Decimal | float | int | None]
    amount: Callable[[Overview], Amount]
    exact: Callable[[Overview], str]
    of_day: Callable[[DayPoint], float | None]

    @property
    def definition(self) -> Kpi:
        return KPIS[self.key]


COMPARED = N_("The change compares complete days only, today's hours not among them.")


def _other_revenue(found: Overview) -> str:
    others = sorted(set(found.summary.revenue) - {found.currency})
    amounts = [formats.exact_money(found.summary.revenue[currency], currency) for currency in others]
    return " + ".join([formats.exact_money(found.revenue, found.currency), *amounts])


_KPIS = (
    _Kpi(
        "energy",
        lambda o: o.summary.energy_wh,
        lambda o: formats.energy(o.summary.energy_wh),
        lambda o: formats.exact_energy(o.summary.energy_wh),
        lambda day: day.energy_wh,
    ),
    _Kpi(
        "sessions",
        lambda o: o.summary.sessions,
        lambda o: Amount(formats.count(o.summary.sessions)),
        lambda o: _("{attempts:,} attempts in all", attempts=o.summary.attempts),
        lambda day: day.sessions,
    ),
    _Kpi(
        "revenue",
        lambda o: o.revenue,
        lambda o: formats.money(o.revenue, o.currency),
        _other_revenue,
        lambda day: float(day.revenue),
    ),
    _Kpi(
        "availability",
        lambda o: o.summary.availability,
        lambda o: formats.percent(o.summary.availability or 0),
        lambda o: f"{(o.summary.availability or 0) * 100:.4f} %",
        lambda day: day.availability,
    ),
    _Kpi(
        "error_rate",
        lambda o: o.summary.error_rate,
        lambda o: formats.percent(o.summary.error_rate or 0),
        lambda o: _(
            "{failed_attempts:,} of {attempts:,} attempts",
            failed_attempts=o.summary.failed_attempts,
            attempts=o.summary.attempts,
        ),
        lambda day: day.error_rate,
    ),
)


@dataclass(frozen=True)
class Comparison:
    """Two spans of equally many complete days: today's few hours would make every growth a loss."""

    later: Overview
    earlier: Overview


def cards(now: Overview | None, comparison: Comparison | None, compared_with: str) -> list[Card]:
    """A card per KPI. None is a period without data; `compared_with` such as `vs previous 30 days`."""
    return [_card(kpi, now, comparison, compared_with) for kpi in _KPIS]


def _card(kpi: _Kpi, now: Overview | None, comparison: Comparison | None, compared_with: str) -> Card:
    name = _(kpi.definition.name)
    if now is None or kpi.value(now) is None:
        return Card(kpi.key, name, None, "", "", None, compared_with, [])
    return Card(
        key=kpi.key,
        label=name,
        value=kpi.amount(now),
        exact=kpi.exact(now),
        note=_(COMPARED) if comparison else "",
        change=_change(kpi, comparison) if comparison else None,
        compared_with=compared_with,
        history=thinned([kpi.of_day(day) for day in now.days]),
    )


def thinned(values: Sequence[float | None], most: int = 60) -> list[float | None]:
    """At most so many points, each the mean of as many neighbours: more than that is only noise."""
    size = -(-len(values) // most)
    means: list[float | None] = []
    for start in range(0, len(values), size):
        known = [value for value in values[start : start + size] if value is not None]
        means.append(sum(known) / len(known) if known else None)
    return means


def change(
    definition: Kpi, new: Decimal | float | int | None, old: Decimal | float | int | None
) -> Change | None:
    """From `old` to `new`, in per cent, or for a share in percentage points; None where none can be told."""
    is_share = definition.unit == "share"
    if new is None or old is None or (not is_share and old == 0):
        return None
    difference = float(new) - float(old)
    if is_share:
        text = _("{abs:.1f} pp", abs=abs(difference) * 100)
    else:
        difference /= float(old)
        text = f"{abs(difference) * 100:.1f} %"
    if float(text.split()[0]) == 0:
        return Change(text, rose=None, good=None)
    rose, less_is_better = difference > 0, definition.less_is_better
    return Change(text, rose, None if less_is_better is None else rose is not less_is_better)


def _change(kpi: _Kpi, comparison: Comparison) -> Change | None:
    return change(kpi.definition, kpi.value(comparison.later), kpi.value(comparison.earlier))
