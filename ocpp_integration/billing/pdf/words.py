"""Amounts and times as a document tells them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from languages import _, speaking
from ocpp_integration.pricing import Line
from ocpp_integration.pricing.words import OF_ONE, amount


def both(english: str) -> str:
    """A marked text in both languages of the country that a document is for."""
    return f"{english} · {amharic(english)}"


def amharic(english: str) -> str:
    with speaking("am"):
        return _(english)


def money(value: Decimal, currency: str = "") -> str:
    return f"{value:,.2f} {currency}".rstrip()


def kwh(wh: int) -> str:
    return f"{Decimal(wh) / 1000:,.3f} kWh"


def percent(value: Decimal) -> str:
    return f"{value.normalize():f} %"


def time(at: datetime, timezone: str, *, seconds: bool = True) -> str:
    """On the station's clock, with its name: `22 Nov 2026, 14:05:09 EAT`."""
    local = at.astimezone(ZoneInfo(timezone))
    return f"{local.day} {local:{'%b %Y, %H:%M:%S %Z' if seconds else '%b %Y, %H:%M %Z'}}"


def day(at: datetime, timezone: str) -> str:
    local = at.astimezone(ZoneInfo(timezone))
    return f"{local.day} {local:%b %Y}"


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
