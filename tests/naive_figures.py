"""Every figure again, as plainly as can be: a quarter of an hour at a time, for times that are full ones.

Clocks jump at full quarters, too.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from db.analytics.buckets import Bucket, Grain
from db.analytics.scope import Period

QUARTER = timedelta(minutes=15)


@dataclass(frozen=True)
class Station:
    """`ports` are the connectors' keys, all of `power_w`; `created` is its day in the store."""

    pk: int
    zone: str
    currency: str
    ports: tuple[int, ...]
    power_w: int
    created: date


@dataclass(frozen=True)
class Row:
    """An ended session."""

    station: Station
    port: int
    start: datetime
    stop: datetime
    energy_wh: int
    cost: Decimal | None
    tax: Decimal | None
    charging_seconds: int | None
    driver: str | None

    @property
    def charging(self) -> timedelta:
        whole = self.stop - self.start
        if self.charging_seconds is None:
            return whole
        return min(whole, timedelta(seconds=self.charging_seconds))


def key_of(local: datetime, grain: Grain | None) -> Bucket | None:
    day = local.date()
    return {
        None: None,
        "hour": Bucket(day, local.hour),
        "day": Bucket(day),
        "week": Bucket(day - timedelta(days=day.weekday())),
        "month": Bucket(day.replace(day=1)),
    }[grain]


class Naive:
    def __init__(
        self, stations: list[Station], rows: list[Row], period: Period, grain: Grain | None, now: datetime
    ):
        self.rows = [row for row in rows if row.station in stations]
        self.stations = stations
        self.period, self.grain, self.now = period, grain, now

    def _key(self, at: datetime, zone: str) -> list[Bucket | None]:
        """The bucket of an instant, none outside the period."""
        local = at.astimezone(ZoneInfo(zone))
        inside = self.period.start <= local.date() < self.period.end
        return [key_of(local, self.grain)] if inside else []

    def ended(self) -> dict[Any, list[Row]]:
        found = defaultdict(list)
        for row in self.rows:
            for key in self._key(row.stop, row.station.zone):
                found[key].append(row)
        return found

    def volume(self) -> dict[Any, Any]:
        return {
            key: (
                sum(row.energy_wh > 0 for row in rows),
                len(rows),
                sum(row.energy_wh for row in rows),
                _by_currency(rows, lambda row: row.cost),
                _by_currency(rows, lambda row: row.tax),
            )
            for key, rows in self.ended().items()
        }

    def per_session(self) -> dict[Any, Any]:
        found = {}
        for key, ended in self.ended().items():
            rows = [row for row in ended if row.energy_wh > 0]
            known = [row for row in rows if row.cost is not None]
            found[key] = (
                _typical(row.energy_wh for row in rows),
                _typical((row.stop - row.start) // timedelta(seconds=1) for row in rows),
                {
                    currency: _typical(row.cost for row in known if row.station.currency == currency)
                    for currency in {row.station.currency for row in known}
                },
            )
        return found

    def drivers(self) -> dict[Any, Any]:
        found = {}
        for key, ended in self.ended().items():
            names = [row.driver for row in ended if row.energy_wh > 0]
            found[key] = len({name.upper() for name in names if name}), names.count(None)
        return found

    def arrivals(self) -> Counter[Any]:
        return Counter(key for row in self.rows for key in self._key(row.start, row.station.zone))

    def occupied(self) -> Counter[Any]:
        return Counter(
            key
            for row in self.rows
            for at in quarters(row.start, row.stop)
            for key in self._key(at, row.station.zone)
        )

    def charging(self) -> Counter[Any]:
        return Counter(
            key
            for row in self.rows
            for at in quarters(row.start, row.start + row.charging)
            for key in self._key(at, row.station.zone)
        )

    def flowed(self) -> Counter[Any]:
        found: Counter[Any] = Counter()
        for row in self.rows:
            for at in quarters(row.start, row.start + row.charging):
                until = row.energy_wh * (at + QUARTER - row.start) // row.charging
                for key in self._key(at, row.station.zone):
                    found[key] += until - row.energy_wh * (at - row.start) // row.charging
        return found

    def since(self, station: Station) -> datetime:
        zone = ZoneInfo(station.zone)
        days = [
            at.astimezone(zone).date()
            for row in self.rows
            if row.station == station
            for at in (row.start, row.stop)
        ]
        return datetime.combine(min([station.created, *days]), time(), zone).astimezone(UTC)

    def opening(self) -> Iterator[tuple[Station, datetime, Any]]:
        """Every quarter in which a station is open, with its bucket."""
        for station in self.stations:
            start, end = self.period.bounds(station.zone)
            for at in quarters(max(start, self.since(station)), min(end, self.now)):
                for key in self._key(at, station.zone):
                    yield station, at, key

    def open(self) -> dict[Any, tuple[int, int]]:
        """Quarters of ports, and the watts that each of them could have delivered, added up."""
        found: dict[Any, tuple[int, int]] = defaultdict(lambda: (0, 0))
        for station, _, key in self.opening():
            ports = len(station.ports)
            found[key] = found[key][0] + ports, found[key][1] + ports * station.power_w
        return found

    def congestion(self) -> dict[Any, tuple[int, int]]:
        taken = {(row.port, at) for row in self.rows for at in quarters(row.start, row.stop)}
        found: dict[Any, tuple[int, int]] = defaultdict(lambda: (0, 0))
        for station, at, key in self.opening():
            is_full = all((port, at) in taken for port in station.ports)
            found[key] = found[key][0] + is_full, found[key][1] + 1
        return found

    def activity(self) -> dict[Any, tuple[int, int, set[int], set[int]]]:
        used: dict[Any, set[tuple[date, int]]] = defaultdict(set)
        for row in self.rows:
            for at in quarters(row.start, row.stop):
                for key in self._key(at, row.station.zone):
                    used[key].add((at.astimezone(ZoneInfo(row.station.zone)).date(), row.station.pk))
        there: dict[Any, set[int]] = defaultdict(set)
        for station, _, key in self.opening():
            there[key].add(station.pk)
        found = {}
        for key in used.keys() | there.keys():
            stations = {pk for _, pk in used[key]}
            found[key] = (
                len({day for day, _ in used[key]}),
                len(used[key]),
                stations,
                there[key] - stations,
            )
        return found

    def peaks(self, zone: str) -> dict[Any, int]:
        levels: Counter[datetime] = Counter()
        for row in self.rows:
            for at in quarters(row.start, row.start + row.charging):
                if self._key(at, row.station.zone):
                    levels[at] += row.energy_wh * 3_600_000 // (row.charging // timedelta(seconds=1))
        found: dict[Any, int] = {}
        for at, level in levels.items():
            key = key_of(at.astimezone(ZoneInfo(zone)), self.grain)
            found[key] = max(found.get(key, 0), (level + 500) // 1000)
        return {key: level for key, level in found.items() if level}


def quarters(start: datetime, end: datetime) -> Iterator[datetime]:
    while start < end:
        yield start
        start += QUARTER


def _by_currency(rows: list[Row], amount: Any) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for row in rows:
        found[row.station.currency] = found.get(row.station.currency, Decimal(0)) + (amount(row) or 0)
    return found


def _typical(values: Iterable[Any]) -> tuple[Any, int, Any] | None:
    numbers = [Decimal(value) for value in values]
    return (sum(numbers), len(numbers), statistics.median(numbers)) if numbers else None
