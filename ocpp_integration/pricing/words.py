"""A tariff in words, a line for each price, with when it holds; and what the lines of a bill are called."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time
from decimal import Decimal

from languages import N_, _
from ocpp_integration.pricing.bill import What
from ocpp_integration.pricing.tariff import (
    DAYS,
    Dimension,
    Price,
    PriceComponent,
    Restrictions,
    TariffDocument,
)

_NAMES: dict[Dimension, tuple[str, str]] = {
    "ENERGY": (N_("Energy"), N_("{name} {price} per kWh")),
    "TIME": (N_("Charging time"), N_("{name} {price} per hour")),
    "PARKING_TIME": (N_("Idle time"), N_("{name} {price} per hour")),
    "FLAT": (N_("Start fee"), N_("{name} {price}")),
}
# What a line of a bill is for; of those below there is one, without a quantity.
LINES: dict[What, str] = {
    "ENERGY": N_("Energy"),
    "TIME": N_("Charging time"),
    "PARKING_TIME": N_("Idle time"),
    "FLAT": N_("Start fee"),
    "RESERVATION_TIME": N_("Reservation"),
    "RESERVATION_FLAT": N_("Reservation fee"),
    "MIN_PRICE": N_("Up to the lowest price"),
    "MAX_PRICE": N_("Down to the highest price"),
    "PREPAID": N_("Not charged: more than was paid in advance"),
}
OF_ONE: tuple[What, ...] = ("FLAT", "RESERVATION_FLAT", "MIN_PRICE", "MAX_PRICE", "PREPAID")
_DAYS = (
    N_("Monday"),
    N_("Tuesday"),
    N_("Wednesday"),
    N_("Thursday"),
    N_("Friday"),
    N_("Saturday"),
    N_("Sunday"),
)
_RESERVED: dict[Dimension, str] = {"TIME": N_("Reservation"), "FLAT": N_("Reservation fee")}


def in_words(tariff: TariffDocument) -> list[str]:
    """Such as `Energy 6.00 ETB per kWh with 15 % VAT, from 22:00 to 06:00`."""
    lines, priced = [], set[Dimension]()
    for element in tariff.elements:
        rule = element.restrictions
        for component in element.price_components:
            is_rest = component.type in priced and rule == Restrictions()
            when = [_("otherwise")] if is_rest else _when(rule)
            lines.append(", ".join((_price(component, rule, tariff), *when)))
        if not rule.reservation:
            priced |= {component.type for component in element.price_components}
    limits = ((_("At least"), tariff.min_price), (_("At most"), tariff.max_price))
    return lines + [f"{word} {_limit(limit, tariff.currency)}" for word, limit in limits if limit]


def _price(component: PriceComponent, rule: Restrictions, tariff: TariffDocument) -> str:
    name, asked = _NAMES[component.type]
    if rule.reservation:
        name = _RESERVED.get(component.type, name)
    if not component.price:
        return _("{name} free", name=_(name))
    price = f"{amount(component.price)} {tariff.currency}"
    return _(asked, name=_(name), price=price) + _vat(component, tariff) + _terms(component)


def _vat(component: PriceComponent, tariff: TariffDocument) -> str:
    if component.vat is None:
        return ""
    percent = f"{component.vat.normalize():f}"
    if tariff.tax_included == "YES":
        return _(" with {percent} % VAT", percent=percent)
    return _(" plus {percent} % VAT", percent=percent)


def _terms(component: PriceComponent) -> str:
    grace = _(" after {length}", length=_minutes(component.grace_seconds)) if component.grace_seconds else ""
    if component.step_size == 1 or component.type == "FLAT":
        return grace
    step = f"{component.step_size} Wh" if component.type == "ENERGY" else _minutes(component.step_size)
    return grace + _(", in steps of {step}", step=step)


def _when(rule: Restrictions) -> Iterator[str]:
    if rule.reservation == "RESERVATION_EXPIRES":
        yield _("when nobody comes")
    if rule.start_time or rule.end_time:
        end = rule.end_time or time()
        until = "24:00" if end == time() else f"{end:%H:%M}"
        yield _("from {start} to {end}", start=f"{rule.start_time or time():%H:%M}", end=until)
    if rule.day_of_week:
        days = [_DAYS[place] for place, day in enumerate(DAYS) if day in rule.day_of_week]
        yield _("on {days}", days=", ".join(map(_, days)))
    if rule.start_date:
        yield _("from {start}", start=rule.start_date)
    if rule.end_date:
        yield _("before {end}", end=rule.end_date)
    yield from _between(rule.min_kwh, rule.max_kwh, "kWh")
    yield from _between(rule.min_power, rule.max_power, "kW")
    if rule.min_duration:
        yield _("from {length} after the start", length=_minutes(rule.min_duration))
    if rule.max_duration:
        yield _("until {length} after the start", length=_minutes(rule.max_duration))


def _between(least: Decimal | None, most: Decimal | None, unit: str) -> Iterator[str]:
    if least is not None:
        yield _("from {amount} on", amount=f"{least.normalize():f} {unit}")
    if most is not None:
        yield _("below {amount}", amount=f"{most.normalize():f} {unit}")


def _limit(limit: Price, currency: str) -> str:
    with_vat = "" if limit.incl_vat is None else _(", {price} with VAT", price=amount(limit.incl_vat))
    return f"{amount(limit.excl_vat)} {currency}{with_vat}"


def amount(value: Decimal) -> str:
    """Two places, or as many more as it has."""
    return f"{value:,.2f}" if value == round(value, 2) else f"{value.normalize():f}"


def _minutes(seconds: int) -> str:
    return _("{n} s", n=seconds) if seconds % 60 else _("{n} min", n=seconds // 60)
