"""Time as the backend reads and writes it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]

MAX_AHEAD = timedelta(minutes=5)


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
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def not_ahead(moment: datetime, arrival: datetime) -> datetime:
    """`moment`, or the arrival where a charge point's clock runs more than five minutes ahead."""
    return arrival if moment - arrival > MAX_AHEAD else moment
