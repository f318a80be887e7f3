"""A tariff in words: a line for each price, with when it holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time
from decimal import Decimal

from ocpp_integration.pricing.tariff import (
    DAYS,
    Dimension,
    Price,
    PriceComponent,
    Restrictions,
    TariffDocument,
)

_NAMES: dict[Dimension, tuple[str, str]] = {
    "ENERGY": ("Energy", " per kWh"),
    "TIME": ("Charging time", " per hour"),
    "PARKING_TIME": ("Idle time", " per hour"),
    "FLAT": ("Start fee", ""),
}
_RESERVED: dict[Dimension, str] = {"TIME": "Reservation", "FLAT": "Reservation fee"}


def in_words(tariff: TariffDocument) -> list[str]:
    """Such as `Energy 6.00 ETB per kWh with 15 % VAT, from 22:00 to 06:00`."""
    lines = [
        ", ".join((_price(component, element.restrictions, tariff), *_when(element.restrictions)))
        for element in tariff.elements
        for component in element.price_components
    ]
    limits = (("At least", tariff.min_price), ("At most", tariff.max_price))
    return lines + [f"{word} {_limit(limit, tariff.currency)}" for word, limit in limits if limit]


def _price(component: PriceComponent, rule: Restrictions, tariff: TariffDocument) -> str:
    name, unit = _NAMES[component.type]
    if rule.reservation:
        name = _RESERVED.get(component.type, name)
    if not component.price:
        return f"{name} free"
    asked = f"{name} {amount(component.price)} {tariff.currency}{unit}"
    return asked + _vat(component, tariff) + _terms(component)


def _vat(component: PriceComponent, tariff: TariffDocument) -> str:
    if component.vat is None:
        return ""
    return f" {'with' if tariff.tax_included == 'YES' else 'plus'} {component.vat.normalize():f} % VAT"


def _terms(component: PriceComponent) -> str:
    grace = f" after {_minutes(component.grace_seconds)}" if component.grace_seconds else ""
    if component.step_size == 1 or component.type == "FLAT":
        return grace
    step = f"{component.step_size} Wh" if component.type == "ENERGY" else _minutes(component.step_size)
    return f"{grace}, in steps of {step}"


def _when(rule: Restrictions) -> Iterator[str]:
    if rule.reservation == "RESERVATION_EXPIRES":
        yield "when nobody comes"
    if rule.start_time or rule.end_time:
        end = rule.end_time or time()
        yield f"from {rule.start_time or time():%H:%M} to {'24:00' if end == time() else f'{end:%H:%M}'}"
    if rule.day_of_week:
        yield "on " + ", ".join(day.capitalize() for day in DAYS if day in rule.day_of_week)
    if rule.start_date:
        yield f"from {rule.start_date}"
    if rule.end_date:
        yield f"before {rule.end_date}"
    yield from _between(rule.min_kwh, rule.max_kwh, "kWh")
    yield from _between(rule.min_power, rule.max_power, "kW")
    if rule.min_duration:
        yield f"from {_minutes(rule.min_duration)} after the start"
    if rule.max_duration:
        yield f"until {_minutes(rule.max_duration)} after the start"


def _between(least: Decimal | None, most: Decimal | None, unit: str) -> Iterator[str]:
    if least is not None:
        yield f"from {least.normalize():f} {unit} on"
    if most is not None:
        yield f"below {most.normalize():f} {unit}"


def _limit(limit: Price, currency: str) -> str:
    with_vat = "" if limit.incl_vat is None else f", {amount(limit.incl_vat)} with VAT"
    return f"{amount(limit.excl_vat)} {currency}{with_vat}"


def amount(value: Decimal) -> str:
    """Two places, or as many more as it has."""
    return f"{value:,.2f}" if value == round(value, 2) else f"{value.normalize():f}"


def _minutes(seconds: int) -> str:
    return f"{seconds} s" if seconds % 60 else f"{seconds // 60} min"
