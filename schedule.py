"""When something is due: every so many seconds, or by a cron expression in UTC. Values in, values out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from apscheduler.triggers.cron import CronTrigger

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_PART = re.compile(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d+))?")
_HELP = 'give seconds between runs (60) or a cron expression in UTC ("*/5 * * * *": every five minutes)'
_LONGEST = timedelta(days=366 * 8)


@dataclass(frozen=True)
class Schedule:
    """Either `seconds`, whose slots begin at whole multiples since 1970, or `cron` (five fields, UTC)."""

    seconds: float | None = None
    cron: str | None = None

    @classmethod
    def parse(cls, told: Schedule | str | float) -> Schedule:
        """From a setting. Raises `ValueError` that says what is wrong and how it is written."""
        if isinstance(told, Schedule):
            return told
        text = str(told).strip()
        if " " in text:
            return cls(cron=_checked(text))
        try:
            seconds = float(text)
        except ValueError:
            raise ValueError(f"{text!r} is no schedule; {_HELP}") from None
        if not 1 <= seconds <= _LONGEST.total_seconds():
            raise ValueError(f"every {text} seconds is too often or too seldom; {_HELP}")
        return cls(seconds=seconds)

    def slot_of(self, at: datetime) -> datetime:
        """The newest time at or before `at` at which a run was due: its slot, the same for every host."""
        if self.seconds is not None:
            return datetime.fromtimestamp(at.timestamp() // self.seconds * self.seconds, UTC)
        back = timedelta(minutes=1)
        while (slot := self._next(at - back)) is None or slot > at:
            if back > _LONGEST:
                raise ValueError(f"{self} has never been due")
            back *= 2
        while (following := self.next_after(slot)) <= at:
            slot = following
        return slot

    def next_after(self, at: datetime) -> datetime:
        """The first time after `at` at which a run is due."""
        if self.seconds is not None:
            return self.slot_of(at) + timedelta(seconds=self.seconds)
        # A trigger answers the moment itself where that is due; the one after it is asked for.
        following = self._next(at + timedelta(microseconds=1))
        if following is None:
            raise ValueError(f"{self} is never due again")
        return following

    def _next(self, at: datetime) -> datetime | None:
        following: datetime | None = _trigger(self.cron or "").get_next_fire_time(None, at.astimezone(UTC))
        return following

    def __str__(self) -> str:
        return self.cron if self.cron is not None else f"{self.seconds:g}"


def _checked(expression: str) -> str:
    try:
        first = _trigger(expression).get_next_fire_time(None, datetime(2026, 1, 1, tzinfo=UTC))
    except ValueError as error:
        raise ValueError(f"{expression!r} is no cron expression ({error}); {_HELP}") from None
    if first is None:
        raise ValueError(f"{expression!r} names a day that never comes; {_HELP}")
    return expression


@lru_cache(maxsize=64)
def _trigger(expression: str) -> CronTrigger:
    fields = expression.split()
    if len(fields) != 5:
        raise ValueError("it has five fields: minute, hour, day, month, day of the week")
    fields[4] = _weekdays(fields[4])
    return CronTrigger.from_crontab(" ".join(fields), timezone=UTC)


def _weekdays(field: str) -> str:
    """The days by name. Cron counts from Sunday (0 and 7), and ranges may pass it; APScheduler's cannot."""
    if field == "*":
        return field
    found: set[str] = set()
    for part in field.lower().split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"{part!r} is no day of the week")
        every = match["first"] == "*"
        first = 0 if every else _weekday(match["first"])
        last = 6 if every else _weekday(match["last"] or match["first"])
        step = int(match["step"] or 1)
        if step < 1:
            raise ValueError(f"{part!r} takes no step")
        last += 7 if last < first else 0
        found.update(_DAYS[day % 7] for day in range(first, last + 1, step))
    return ",".join(day for day in _DAYS if day in found)


def _weekday(name: str) -> int:
    if name in _DAYS:
        return _DAYS.index(name)
    if name.isdecimal() and int(name) <= 7:
        return int(name)
    raise ValueError(f"{name!r} is no day of the week (0 to 7, or sun to sat)")
