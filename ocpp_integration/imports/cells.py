"""What a cell of the file says: text in, a value with our units out, `ValueError` for anything else."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

MAX_TEXT = 255
_NUMBER = re.compile(r"[+-]?(\d{1,15}(\.\d{0,30})?|\.\d{1,30})([eE][+-]?\d{1,2})?", re.ASCII)
_WHOLE_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_DATE_AND_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", re.ASCII)
_SPREADSHEET_TIME = re.compile(
    r"(\d{1,2})[./-](\d{1,2})[./-](\d{4}),? (\d{1,2}):(\d\d)(?::(\d\d))?(?: ?([AP])M)?",
    re.ASCII | re.IGNORECASE,
)
_CENT = Decimal("0.01")
_MOST_MONEY = Decimal(10**9)


Decimals = Literal["point", "comma"]
Dates = Literal["day-first", "month-first"]


class Moment(NamedTuple):
    """An instant, aware UTC. `later` is the other reading of an hour that the local clock shows twice."""

    utc: datetime
    later: datetime | None = None


def is_number(cell: str) -> bool:
    return _NUMBER.fullmatch(cell) is not None


def read_text(cell: str) -> str:
    if len(cell) > MAX_TEXT:
        raise ValueError(f"is longer than {MAX_TEXT} characters")
    if not cell.isprintable():
        raise ValueError("has characters that cannot be shown")
    return cell


def read_thousandfold(cell: str) -> int:
    """kWh as Wh, kW as W, rounded half up to whole ones."""
    number = _decimal(cell)
    if number < 0:
        raise ValueError(f"is negative: {cell}")
    return int((number * 1000).to_integral_value(ROUND_HALF_UP))


def read_money(cell: str) -> Decimal:
    """An amount that is not negative, rounded half up to the currency's minor unit."""
    amount = _decimal(cell)
    if not 0 <= amount < _MOST_MONEY:
        raise ValueError(f"is not an amount from 0 to {_MOST_MONEY}: {cell}")
    return amount.quantize(_CENT, ROUND_HALF_UP)


def read_currency(cell: str) -> str:
    if not _CURRENCY.fullmatch(cell):
        raise ValueError(f"is not an ISO 4217 code such as ETB: {cell}")
    return cell


def read_count(cell: str) -> int:
    if not _WHOLE_NUMBER.fullmatch(cell):
        raise ValueError(f"is not a whole number: {cell}")
    return int(cell)


def read_connector_id(cell: str) -> int:
    number = read_count(cell)
    if not 1 <= number <= 1000:
        raise ValueError(f"is not a connector's number, which begins at 1: {cell}")
    return number


def with_point(cell: str) -> str:
    """A number with a decimal comma as one with a point."""
    if "." in cell:
        # "1.234" would be a thousand times as much as meant, or as little.
        mend = "" if "," in cell else " (--decimals point reads it)"
        raise ValueError(
            f"has a point, where decimals have a comma and thousands are not grouped{mend}: {cell}"
        )
    return cell.replace(",", ".")


def read_time(cell: str, zone: ZoneInfo, dates: Dates | None = None) -> Moment:
    """ISO 8601, or with `dates` also as a spreadsheet shows it, such as 31/01/2026 8:30. A time without an
    offset is what a clock in `zone` showed.
    """
    try:
        time = _spreadsheet_time(cell, dates) or _iso_time(cell)
        return Moment(time.astimezone(UTC)) if time.tzinfo else _on_local_clock(time, zone)
    except OverflowError:
        raise ValueError(f"is out of range: {cell}") from None


def _iso_time(cell: str) -> datetime:
    if not _DATE_AND_TIME.match(cell):
        raise ValueError(f"is not a date and time such as 2026-01-31T08:30:00Z: {cell}")
    return datetime.fromisoformat(cell)


def _spreadsheet_time(cell: str, dates: Dates | None) -> datetime | None:
    """None where it is not written so."""
    found = _SPREADSHEET_TIME.fullmatch(cell)
    if found is None:
        return None
    if dates is None:
        raise ValueError(f"may be of two days; say which by --dates day-first or month-first: {cell}")
    first, second, year, hour, minute, seconds = (int(part or 0) for part in found.groups()[:6])
    day, month = (first, second) if dates == "day-first" else (second, first)
    if half := found[7]:
        # Such a clock shows 1 to 12; there is no 24 below.
        hour = hour % 12 + (12 if half in "pP" else 0) if 1 <= hour <= 12 else 24
    try:
        return datetime(year, month, day, hour, minute, seconds)  # noqa: DTZ001
    except ValueError:
        raise ValueError(f"is no date and time that there was, {dates.replace('-', ' ')}: {cell}") from None


def _on_local_clock(time: datetime, zone: ZoneInfo) -> Moment:
    first = time.replace(tzinfo=zone).astimezone(UTC)
    second = time.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if first == second:
        return Moment(first)
    if second < first:  # the clock was put forward over this time
        raise ValueError(f"was never shown by a clock in {zone.key}: {time.isoformat()}")
    return Moment(first, later=second)


def _decimal(cell: str) -> Decimal:
    # Decimal itself would take underscores, infinities and exponents that fill the memory.
    if not is_number(cell):
        mend = " (with --decimals comma it is)" if is_number(cell.replace(",", ".", 1)) else ""
        raise ValueError(f"is not a number: {cell}{mend}")
    return Decimal(cell)
