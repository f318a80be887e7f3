"""Time as the backend reads and writes it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]

MAX_AHEAD = timedelta(minutes=5)
# Before it, a clock has not been set since its battery ran out: it counts from 1970 or 2000.
_CLOCKS_ARE_SET = datetime(2016, 1, 1, tzinfo=UTC)


def now() -> datetime:
    return datetime.now(UTC)


def parse_time(text: str) -> datetime:
    """ISO 8601 as aware UTC; a time without an offset is read as UTC. Raises `ValueError`."""
    moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r} is out of range") from None


def wire_time(moment: datetime) -> str:
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def not_ahead(moment: datetime, arrival: datetime) -> datetime:
    """`moment`, or the arrival where the charge point's clock is over five minutes ahead, or is not set."""
    return arrival if moment - arrival > MAX_AHEAD or moment < _CLOCKS_ARE_SET else moment
