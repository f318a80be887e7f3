"""Numbers and times as people read them. Energy comes in Wh, power in W, shares as 0..1."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

NO_DATA = "–"
_SPACE = "\u00a0"
_SCALES = ((10**9, "G"), (10**6, "M"), (10**3, "k"))


@dataclass(frozen=True)
class Amount:
    """A figure and its unit, apart so that a page can set the unit smaller."""

    figure: str
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.figure}{_SPACE}{self.unit}" if self.unit else self.figure


def energy(wh: int) -> Amount:
    """In kWh, MWh or GWh, one decimal."""
    return _scaled(wh, "Wh")


def power(watts: int) -> Amount:
    """In kW, MW or GW, one decimal."""
    return _scaled(watts, "W")


def _scaled(value: int, unit: str) -> Amount:
    # The limit is where one decimal would round up to a thousand: 999.96 kWh reads 1.0 MWh.
    scale, prefix = next(
        ((size, letter) for size, letter in _SCALES if abs(value) >= size * Decimal("0.99995")),
        _SCALES[-1],
    )
    return Amount(f"{Decimal(value) / scale:,.1f}", f"{prefix}{unit}")


def exact_energy(wh: int) -> str:
    return f"{Decimal(wh) / 1000:,.3f}{_SPACE}kWh"


def money(amount: Decimal, currency: str) -> Amount:
    """Whole units from ten thousand on, where cents no longer say anything."""
    places = 0 if abs(amount) >= 10_000 else 2
    return Amount(f"{amount:,.{places}f}", currency)


def exact_money(amount: Decimal, currency: str) -> str:
    return f"{amount:,.2f}{_SPACE}{currency}"


def price(amount: Decimal, currency: str) -> str:
    """A price per kWh: two places, or four where it has them."""
    places = 2 if amount == round(amount, 2) else 4
    return f"{amount:,.{places}f}{_SPACE}{currency}/kWh"


def count(number: int) -> str:
    return f"{number:,}"


def percent(share: float) -> Amount:
    return Amount(f"{share * 100:.1f}", "%")


def duration(seconds: int) -> str:
    minutes, rest = divmod(max(0, seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24}{_SPACE}d {hours % 24}{_SPACE}h"
    if hours:
        return f"{hours}{_SPACE}h {minutes:02}{_SPACE}min"
    return f"{minutes}{_SPACE}min" if minutes else f"{rest}{_SPACE}s"


def ago(since: datetime, now: datetime) -> str:
    seconds = int((now - since).total_seconds())
    if seconds < 5:
        return "just now"
    return f"{duration(seconds)} ago"


def local_time(at: datetime, timezone: str, *, seconds: bool = False) -> str:
    """A time on the station's clock with the clock's name: `22 Nov 2026, 14:05 EAT`."""
    local = at.astimezone(ZoneInfo(timezone))
    clock = "%H:%M:%S" if seconds else "%H:%M"
    return f"{day(local.date())}, {local.strftime(f'{clock} %Z')}"


def clock(at: datetime) -> str:
    """The clock that an aware time is on: `EAT, UTC+3`, or `UTC+5:30` where it has no short name."""
    minutes = int((at.utcoffset() or timedelta()).total_seconds()) // 60
    hours, rest = divmod(abs(minutes), 60)
    offset = f"UTC{'-' if minutes < 0 else '+'}{hours}{f':{rest:02}' if rest else ''}" if minutes else "UTC"
    name = at.strftime("%Z")
    return f"{name}, {offset}" if name.isalpha() and name != offset else offset


def day(value: date) -> str:
    return f"{value.day} {value.strftime('%b %Y')}"


def days(start: date, end: date) -> str:
    """The days from `start` until before `end`: `3 – 9 Nov 2026`."""
    last = end - timedelta(days=1)
    if start == last:
        return day(start)
    if (start.year, start.month) == (last.year, last.month):
        return f"{start.day} – {day(last)}"
    if start.year == last.year:
        return f"{start.day} {start.strftime('%b')} – {day(last)}"
    return f"{day(start)} – {day(last)}"


def words(code: str) -> str:
    """A status, flag or reason in words: `suspended_ev` is Suspended ev, `EVDisconnected` EV disconnected."""
    return _WORDS.get(code, code.replace("_", " ").strip().capitalize())


_WORDS = {
    "suspended_ev": "Paused by vehicle",
    "suspended_evse": "Paused by station",
    "EVDisconnected": "Vehicle unplugged",
    "Local": "Stopped at the station",
    "Remote": "Stopped remotely",
    "EmergencyStop": "Emergency stop",
    "PowerLoss": "Power loss",
    "DeAuthorized": "No longer authorised",
    "HardReset": "Hard reset",
    "SoftReset": "Soft reset",
    "UnlockCommand": "Connector unlocked",
    "ccs1": "CCS1",
    "ccs2": "CCS2",
    "chademo": "CHAdeMO",
    "type1": "Type 1",
    "type2": "Type 2",
}
