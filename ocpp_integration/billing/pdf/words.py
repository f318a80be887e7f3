"""Amounts and times as a document tells them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from languages import ENGLISH, _, dates, speaking
from ocpp_integration.pricing import Line
from ocpp_integration.pricing.words import OF_ONE, amount


def both(english: str, **values: object) -> str:
    """A marked text in both languages of the country that a document is for."""
    return " · ".join(in_each(english, **values))


def in_each(english: str, **values: object) -> tuple[str, str]:
    """The same apart, for sentences that follow each other."""
    with speaking(ENGLISH):
        return _(english, **values), amharic(english, **values)


def amharic(english: str, **values: object) -> str:
    with speaking("am"):
        return _(english, **values)


def month(first: date) -> str:
    """`November · ኖቬምበር 2026`."""
    with speaking(ENGLISH):
        english = dates.told(first, "MMMM")
    with speaking("am"):
        return f"{english} · {dates.told(first, 'MMMM y')}"


def money(value: Decimal, currency: str = "") -> str:
    return f"{value:,.2f} {currency}".rstrip()


def kwh(wh: int, unit: str = "kWh") -> str:
    return f"{Decimal(wh) / 1000:,.3f} {unit}".rstrip()


def percent(value: Decimal) -> str:
    return f"{value.normalize():f} %"


def time(at: datetime, timezone: str, *, seconds: bool = True) -> str:
    """On the station's clock, with its name, and the same in every language: `2026-11-22 14:05:09 EAT`."""
    local = at.astimezone(ZoneInfo(timezone))
    return f"{local:{'%Y-%m-%d %H:%M:%S %Z' if seconds else '%Y-%m-%d %H:%M %Z'}}"


def day(at: datetime, timezone: str) -> str:
    return at.astimezone(ZoneInfo(timezone)).date().isoformat()


def quantity(line: Line) -> str:
    if line.what in OF_ONE:
        return ""
    if line.what == "ENERGY":
        return kwh(round(line.volume * 1000))
    hours, seconds = divmod(round(line.volume * 3600), 3600)
    return f"{hours}:{seconds // 60:02}:{seconds % 60:02} h"


def price(line: Line, currency: str) -> str:
    if line.what in OF_ONE:
        return ""
    return f"{amount(line.price)} {currency}/{'kWh' if line.what == 'ENERGY' else 'h'}"
