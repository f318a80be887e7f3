"""What an address says of the period and the stations that a page is about. Pure.

`?period=7d` or `?from=2026-11-01&to=2026-11-20`, `?stations=3,7` (`ocpp_stations.id`), `?by=week`. What
makes no sense is left out and told in words: an address is typed, cut and sent around by people.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from dashboard.periods import AUTO, CHOICES, GRAINS, dates_of
from languages import _

NAMES = ("period", "from", "to", "stations", "by")
_LONGEST_SHOWN = 40
_LONGEST_ID = 18


@dataclass(frozen=True)
class Asked:
    """The parts of an address that make sense, None where it says nothing, and a sentence for each other."""

    choice: str | None = None
    dates: tuple[date, date] | None = None
    stations: tuple[int, ...] | None = None
    grain: str | None = None
    ignored: tuple[str, ...] = ()


def read(address: Mapping[str, str], today: date, known: Collection[int]) -> Asked:
    """`known` are the stations that the reader may see: any other is as if it did not exist."""
    choice, dates, words = _read_period(address, today)
    stations, more = _read_stations(address.get("stations", ""), known)
    by = address.get("by", "")
    if by and by not in GRAINS:
        more.append(_("There is no granularity {shown}.", shown=_shown(by)))
    return Asked(choice, dates, stations, by if by in GRAINS else None, tuple(words + more))


def write(
    choice: str, dates: Collection[date], stations: Collection[int], grain: str = AUTO
) -> dict[str, str]:
    """The parts of an address that lead back here."""
    period = {"from": str(min(dates)), "to": str(max(dates))} if dates else {"period": choice}
    listed = {"stations": ",".join(map(str, stations))} if stations else {}
    return period | listed | ({"by": grain} if grain != AUTO else {})


def _read_period(
    address: Mapping[str, str], today: date
) -> tuple[str | None, tuple[date, date] | None, list[str]]:
    asked, first, last = (address.get(name, "") for name in ("period", "from", "to"))
    if first or last:
        if dates := dates_of(first, last, today):
            return "custom", dates, []
        return (
            None,
            None,
            [_("There are no days from {shown} to {shown2}.", shown=_shown(first), shown2=_shown(last))],
        )
    if asked and asked not in CHOICES:
        return None, None, [_("There is no period {shown}.", shown=_shown(asked))]
    return asked or None, None, []


def _read_stations(listed: str, known: Collection[int]) -> tuple[tuple[int, ...] | None, list[str]]:
    if not listed:
        return None, []
    parts = [part.strip() for part in listed.split(",") if part.strip()]
    found = tuple(dict.fromkeys(pk for part in parts if (pk := number(part)) in known and pk is not None))
    missing = len(parts) - sum(number(part) in known for part in parts)
    words = (
        [_("{missing} of the stations in the address do not exist.", missing=missing)] if missing > 1 else []
    )
    if missing == 1:
        words = [_("A station in the address does not exist.")]
    return found, words


def number(text: str) -> int | None:
    """An id as it may stand in an address."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_ID else None


def _shown(text: str) -> str:
    return f"“{text[:_LONGEST_SHOWN]}{'…' if len(text) > _LONGEST_SHOWN else ''}”"
