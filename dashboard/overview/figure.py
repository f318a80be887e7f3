"""The trend of the Overview: what ended in a period by day, week, month or hour, beside the period before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plotly import graph_objects as go

from dashboard import figures
from dashboard.drawn import once
from dashboard.loading import HourPoint, Overview
from languages import _


@dataclass(frozen=True)
class Trend:
    """`length` is how long a bar is, in words; `has_before` where the period before is a dotted line."""

    figure: go.Figure
    name: str
    length: str
    has_before: bool


@once
def trend(
    now: Overview, before: Overview | None, hours: Sequence[HourPoint] | None, shown: str, grain: str
) -> Trend:
    """Of Energy, Revenue or Sessions (`shown`); `hours` where each is to have its own bar."""
    metric = _metrics(now.currency)[shown]
    if hours is not None:
        length, earlier, bars = _("Hourly"), [], figures.hourly(hours, metric)
    else:
        length, bars = figures.buckets(now.days, metric, grain)
        earlier = figures.beside(bars, before.days, metric) if before else []
    return Trend(figures.trend(bars, earlier, metric), metric.name, length, bool(earlier))


def _metrics(currency: str) -> dict[str, figures.Metric]:
    return {
        "Energy": figures.Metric(_("Energy"), "kWh", lambda day: day.energy_wh / 1000, ",.1f"),
        "Revenue": figures.Metric(_("Revenue"), currency, lambda day: float(day.revenue), ",.2f"),
        "Sessions": figures.Metric(_("Sessions"), "", lambda day: day.sessions, ",d"),
    }
