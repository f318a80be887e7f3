"""The cards of the page Revenue: what was earned in one currency, beside the period before. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from dashboard import formats
from dashboard.formats import Amount
from dashboard.kpis.cards import COMPARED, change, thinned
from dashboard.markup import Card
from db.analytics.definitions import KPIS
from db.analytics.revenue import Earned
from languages import N_, _

_NOTHING = Earned()
_FIGURES: dict[str, tuple[str, Callable[[Earned], Decimal | None]]] = {
    "revenue": (N_("Revenue, VAT included"), lambda earned: earned.gross),
    "net_revenue": (N_("Net revenue"), lambda earned: earned.net),
    "tax": (N_("VAT"), lambda earned: earned.tax),
    "average_price": (N_("Average price per kWh"), lambda earned: earned.price_per_kwh),
}


def cards(
    currency: str,
    earned: Earned,
    days: Sequence[Earned],
    compared: tuple[Earned, Earned] | None,
    compared_with: str,
) -> list[Card]:
    """`days` are those of the period, `compared` what complete days of it and of the one before earned."""
    return [
        Card(
            key=key,
            label=_(label),
            value=_amount(key, value(earned), currency),
            exact=_exact(key, earned, currency),
            note=_(COMPARED) if compared else "",
            change=change(KPIS[key], *map(value, compared)) if compared else None,
            compared_with=compared_with,
            history=thinned([_float(value(day)) for day in days]),
        )
        for key, (label, value) in _FIGURES.items()
    ]


def earned_in(currency: str, found: dict[str, Earned]) -> Earned:
    return found.get(currency, _NOTHING)


def _amount(key: str, value: Decimal | None, currency: str) -> Amount | None:
    if value is None:
        return None
    if key == "average_price":
        return Amount(f"{value:,.2f}", f"{currency}/kWh")
    return formats.money(value, currency)


def _exact(key: str, earned: Earned, currency: str) -> str:
    if key == "average_price":
        return _(
            "{exact_money} by {exact_energy}",
            exact_money=formats.exact_money(earned.gross, currency),
            exact_energy=formats.exact_energy(earned.energy_wh),
        )
    return formats.exact_money(_FIGURES[key][1](earned) or Decimal(0), currency)


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
