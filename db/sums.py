"""Sessions and status intervals, added up by local day, month and hour of the week. Pure.

A row is first added to its station's day. Owners, the network and months are sums of those, made once of
many rows together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from operator import add
from typing import Any, TypeVar

from db.analytics.outcome import DOWN_STATUSES, ENDED_STATUSES, has_valid_reason, is_success
from db.clocks import DAY, HOUR, clock, date_of

METRICS = (
    "sessions",
    "attempts",
    "failed_attempts",
    "valid_stops",
    "energy_wh",
    "revenue_minor",
    "tax_minor",
    "arrivals",
    "occupied_seconds",
    "charging_seconds",
    "observed_seconds",
    "outage_seconds",
)
_ARRIVALS, _OCCUPIED, _CHARGING = map(METRICS.index, ("arrivals", "occupied_seconds", "charging_seconds"))
_OBSERVED, _OUTAGE = map(METRICS.index, ("observed_seconds", "outage_seconds"))

ARRIVALS_BY_HOUR = tuple(f"a{hour:02}" for hour in range(24))
WH_BY_HOUR = tuple(f"w{hour:02}" for hour in range(24))
HOURS = (*ARRIVALS_BY_HOUR, *WH_BY_HOUR)

# What lasts longer is no car but a clock gone wrong; of it only this much, up to its end, counts as time.
# So the rows behind a month's sums are found by their start and stop.
LONGEST = timedelta(days=31)

# scope, scope_id, grain, first day; then the currency of a `rollups` row, the weekday of an `hour_profiles`
# row (0 is Monday)
Key = tuple[str, int, str, date, str | int]
Sums = dict[Key, list[int]]
_K = TypeVar("_K")


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What of a session its sums depend on. `station_pk` is `ocpp_stations.id`.

    Energy is taken to flow evenly from the start on for `charging_seconds`; where these are not known, as
    long as the session lasted. One that is held back adds nothing to any sum.
    """

    station_pk: int
    owner_id: int
    timezone: str
    currency: str
    start_time: datetime
    stop_time: datetime | None
    status: str
    energy_wh: int | None
    cost_minor: int | None
    stop_reason: str | None = None
    tax_minor: int | None = None
    charging_seconds: int | None = None
    is_held: bool = False


@dataclass(frozen=True, slots=True)
class IntervalFacts:
    """A closed status interval of one connector."""

    station_pk: int
    owner_id: int
    timezone: str
    currency: str
    status: str
    started_at: datetime
    ended_at: datetime


def said(session: SessionFacts) -> Any:
    """Two states of a session that say the same have the same sums."""
    if session.is_held:
        return None
    return session if _has_ended(session) else (session.status == "pending", session.start_time)


class Adding:
    """Adds up rows. `days` tells how many station days are held."""

    def __init__(self) -> None:
        self._days: dict[tuple[int, int, str, int], list[int]] = {}  # station, owner, currency, day
        self._weeks: dict[tuple[int, date, int], list[int]] = {}  # station, month, weekday
        self._owner_hours: dict[tuple[int, int], list[int]] = {}  # owner, day

    @property
    def days(self) -> int:
        return len(self._days)

    def session(self, facts: SessionFacts, sign: int = 1) -> None:
        if facts.is_held:
            return
        local = clock(facts.timezone)
        begun = int(facts.start_time.timestamp())
        if facts.status != "pending":
            day, second = divmod(local.reading(begun), DAY)
            self._of_day(facts, day)[_ARRIVALS] += sign
            self._add_to_hour(facts, day, second // HOUR, sign)
        if facts.stop_time is None or not _has_ended(facts):
            return
        ended = int(facts.stop_time.timestamp())
        self._add_end(facts, local.reading(ended) // DAY, sign)
        begun = max(begun, ended - int(LONGEST.total_seconds()))
        charging = ended - begun
        if facts.charging_seconds is not None:
            charging = max(0, min(charging, facts.charging_seconds))
        for _, reading, seconds in local.days(begun, ended):
            self._of_day(facts, reading // DAY)[_OCCUPIED] += sign * seconds
        for _, reading, seconds in local.days(begun, begun + charging):
            self._of_day(facts, reading // DAY)[_CHARGING] += sign * seconds
        if facts.energy_wh and charging:
            self._add_curve(facts, begun, charging, sign)

    def interval(self, facts: IntervalFacts, sign: int = 1) -> None:
        start, end = int(facts.started_at.timestamp()), int(facts.ended_at.timestamp())
        is_down = facts.status in DOWN_STATUSES
        for _, reading, seconds in clock(facts.timezone).days(start, end):
            row = self._of_day(facts, reading // DAY)
            row[_OBSERVED] += sign * seconds
            if is_down:
                row[_OUTAGE] += sign * seconds

    def _add_end(self, facts: SessionFacts, day: int, sign: int) -> None:
        energy_wh = facts.energy_wh or 0
        values = (
            energy_wh > 0,
            1,
            not is_success(energy_wh, facts.stop_reason),
            has_valid_reason(facts.stop_reason),
            energy_wh,
            facts.cost_minor or 0,
            facts.tax_minor or 0,
        )
        row = self._of_day(facts, day)
        for column, value in enumerate(values):  # the first ones of METRICS
            row[column] += sign * value

    def _add_curve(self, facts: SessionFacts, begun: int, charging: int, sign: int) -> None:
        energy_wh, told = facts.energy_wh or 0, 0
        for start, reading, seconds in clock(facts.timezone).hours(begun, begun + charging):
            # What has flowed by the end of each hour is rounded, so that the hours add up to the whole.
            by_then = energy_wh * (start + seconds - begun) // charging
            day, second = divmod(reading, DAY)
            self._add_to_hour(facts, day, 24 + second // HOUR, sign * (by_then - told))
            told = by_then

    def _of_day(self, facts: SessionFacts | IntervalFacts, day: int) -> list[int]:
        return _row(self._days, (facts.station_pk, facts.owner_id, facts.currency, day), METRICS)

    def _add_to_hour(self, facts: SessionFacts, day: int, column: int, value: int) -> None:
        _row(self._weeks, (facts.station_pk, *_week(day)), HOURS)[column] += value
        _row(self._owner_hours, (facts.owner_id, day), HOURS)[column] += value

    def sums(self) -> Sums:
        """Every row of `rollups` and `hour_profiles` that changes, without those that only had zeros."""
        return {key: values for key, values in self._all() if any(values)}

    def _all(self) -> Iterator[tuple[Key, list[int]]]:
        days = {(pk, currency, day): row for (pk, _, currency, day), row in self._days.items()}
        owners = _merged(self._days, lambda key: key[1:])
        network = _merged(owners, lambda key: (0, *key[1:]))
        for scope, rows in (("station", days), ("owner", owners), ("network", network)):
            for (scope_id, currency, day), row in rows.items():
                yield (scope, scope_id, "day", date_of(day), currency), row
            months = _merged(rows, lambda key: (key[0], key[1], _week(key[2])[0]))
            for (scope_id, currency, month), row in months.items():
                yield (scope, scope_id, "month", month, currency), row
        for (pk, month, weekday), row in self._weeks.items():
            yield ("station", pk, "month", month, weekday), row
        whole = _merged(self._owner_hours, lambda key: (0, key[1]))
        for scope, hours in (("owner", self._owner_hours), ("network", whole)):
            for (scope_id, day), row in hours.items():
                yield (scope, scope_id, "day", date_of(day), _week(day)[1]), row
            weeks = _merged(hours, lambda key: (key[0], *_week(key[1])))
            for (scope_id, month, weekday), row in weeks.items():
                yield (scope, scope_id, "month", month, weekday), row


def _row(rows: dict[_K, list[int]], key: _K, columns: Sequence[str]) -> list[int]:
    row = rows.get(key)
    if row is None:
        row = rows[key] = [0] * len(columns)
    return row


def _merged(rows: dict[Any, list[int]], key_of: Callable[[Any], _K]) -> dict[_K, list[int]]:
    merged: dict[_K, list[int]] = {}
    for key, row in rows.items():
        wanted = key_of(key)
        known = merged.get(wanted)
        merged[wanted] = list(row) if known is None else list(map(add, known, row))
    return merged


@lru_cache(maxsize=20_000)
def _week(day: int) -> tuple[date, int]:
    """The first day of its month, and its weekday."""
    at = date_of(day)
    return at.replace(day=1), at.weekday()


def _has_ended(session: SessionFacts) -> bool:
    return session.stop_time is not None and session.status in ENDED_STATUSES
