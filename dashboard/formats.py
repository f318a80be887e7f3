"""Numbers and times as people read them. Energy comes in Wh, power in W, shares as 0..1."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from languages import N_, _, dates

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
        return _("{days}\u00a0d {hours}\u00a0h", days=hours // 24, hours=hours % 24)
    if hours:
        return _("{hours}\u00a0h {minutes:02}\u00a0min", hours=hours, minutes=minutes)
    return _("{minutes}\u00a0min", minutes=minutes) if minutes else _("{seconds}\u00a0s", seconds=rest)


def ago(since: datetime, now: datetime) -> str:
    seconds = int((now - since).total_seconds())
    if seconds < 5:
        return _("just now")
    return _("{length} ago", length=duration(seconds))


def local_time(at: datetime, timezone: str, *, seconds: bool = False) -> str:
    """A time on the station's clock with the clock's name: `22 Nov 2026, 14:05 EAT`."""
    local = at.astimezone(ZoneInfo(timezone))
    clock = "%H:%M:%S" if seconds else "%H:%M"
    return f"{day(local.date())}, {local.strftime(f'{clock} %Z')}"


def short_time(at: datetime, timezone: str, *, seconds: bool = False) -> str:
    """A time on the station's clock, of a year that is known: `22 Nov 14:05`."""
    local = at.astimezone(ZoneInfo(timezone))
    return f"{dates.told(local.date(), 'dd MMM')} {local:{'%H:%M:%S' if seconds else '%H:%M'}}"


def clock(at: datetime) -> str:
    """The clock that an aware time is on: `EAT, UTC+3`, or `UTC+5:30` where it has no short name."""
    minutes = int((at.utcoffset() or timedelta()).total_seconds()) // 60
    hours, rest = divmod(abs(minutes), 60)
    offset = f"UTC{'-' if minutes < 0 else '+'}{hours}{f':{rest:02}' if rest else ''}" if minutes else "UTC"
    name = at.strftime("%Z")
    return f"{name}, {offset}" if name.isalpha() and name != offset else offset


def day(value: date) -> str:
    return dates.told(value, "d MMM y")


def days(start: date, end: date) -> str:
    """The days from `start` until before `end`: `3 – 9 Nov 2026`."""
    last = end - timedelta(days=1)
    if start == last:
        return day(start)
    if (start.year, start.month) == (last.year, last.month):
        return f"{start.day} – {day(last)}"
    if start.year == last.year:
        return f"{dates.told(start, 'd MMM')} – {day(last)}"
    return f"{day(start)} – {day(last)}"


def words(code: str) -> str:
    """A status, flag or reason in words: `suspended_ev` is Suspended ev, `EVDisconnected` EV disconnected."""
    return _(_WORDS.get(code, code.replace("_", " ").strip().capitalize()))


_WORDS = {
    "suspended_ev": N_("Paused by vehicle"),
    "suspended_evse": N_("Paused by station"),
    "EVDisconnected": N_("Vehicle unplugged"),
    "Local": N_("Stopped at the station"),
    "Remote": N_("Stopped remotely"),
    "EmergencyStop": N_("Emergency stop"),
    "PowerLoss": N_("Power loss"),
    "DeAuthorized": N_("No longer authorised"),
    "HardReset": N_("Hard reset"),
    "SoftReset": N_("Soft reset"),
    "UnlockCommand": N_("Connector unlocked"),
}

# What `words` makes of the other codes of ours.
_OTHERS = (
    N_("Available"),
    N_("Preparing"),
    N_("Charging"),
    N_("Finishing"),
    N_("Reserved"),
    N_("Unavailable"),
    N_("Faulted"),
    N_("Offline"),
    N_("Suspended"),
    N_("Stopping"),
    N_("Pending"),
    N_("Started"),
    N_("Completed"),
    N_("Stopped"),
    N_("Failed"),
    N_("Admin"),
    N_("Owner"),
    N_("Driver"),
    N_("Running"),
    N_("Requested"),
    N_("Done"),
    N_("Cancelled"),
    N_("Lost"),
    N_("Error"),
    N_("Warning"),
    N_("Info"),
    N_("Held"),
    N_("Accepted"),
    N_("Corrected"),
    N_("Session started"),
    N_("Session progress"),
    N_("Session stopped"),
    N_("Connector status"),
    N_("Meter values"),
    N_("Other"),
    N_("Reboot"),
    N_("Create token"),
    N_("Revoke token"),
    N_("Create user"),
    N_("Set password"),
    N_("Deactivate user"),
    N_("Activate user"),
    N_("View as owner"),
    N_("End view as owner"),
    N_("Exclude outages"),
    N_("Revoke exclusion"),
    N_("Set fee"),
    N_("Issue statement"),
    N_("Start charging"),
    N_("Stop charging"),
    N_("Soft reset"),
    N_("Hard reset"),
    N_("Unlock connector"),
    N_("Make available"),
    N_("Make unavailable"),
    N_("Accept session"),
    N_("Correct session"),
    N_("Take back decision"),
    N_("Retry event"),
    N_("Add tariff"),
    N_("Assign tariff"),
    N_("End tariff"),
)
