"""The load curve: which energy flowed when, and the power at its peak.

A session's energy is taken to flow evenly from its start on while it charges; see `db.sums`. The curve over
the hours of the week is `series.load_by_weekday`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import NamedTuple

from sqlalchemy.orm import Session

from db.analytics.buckets import Bucket, Grain, Key, buckets, instants, parts
from db.analytics.ended import charges
from db.analytics.hours import by_hour
from db.analytics.scope import Period, Scope
from db.sums import WH_BY_HOUR


class Peak(NamedTuple):
    """The most power (W) that all sessions together drew, and since when they first did."""

    power_w: int
    at: datetime


def whole(store: Session, scope: Scope, period: Period) -> int:
    """Wh that flowed in the period; of sessions that begin or end outside, only the part within."""
    return by_hour(store, scope, period, None, WH_BY_HOUR).get(None, 0)


def series(store: Session, scope: Scope, period: Period, grain: Grain) -> dict[Bucket, int]:
    """Wh that flowed in every bucket of the period, in order."""
    found = by_hour(store, scope, period, grain, WH_BY_HOUR)
    return {bucket: found.get(bucket, 0) for bucket in buckets(period, grain)}


def peak(store: Session, scope: Scope, period: Period) -> Peak | None:
    """The peak of the period, None where nothing flowed.

    What several stations drew is added up at each instant, wherever their clocks stand; each gives its part
    of the period by its own clock.
    """
    return _peaks(_levels(store, scope, period)[0], "UTC", None).get(None)


def peak_series(store: Session, scope: Scope, period: Period, grain: Grain) -> dict[Bucket, Peak | None]:
    """The peak of every bucket of the period, in order. Stations of several zones share the buckets of that
    in which most of the sessions were.
    """
    levels, timezone = _levels(store, scope, period)
    found = _peaks(levels, timezone, grain)
    return {bucket: found.get(bucket) for bucket in buckets(period, grain)}


class _Level(NamedTuple):
    """From `start` until before `end`, all sessions together drew `milliwatts`."""

    start: int
    end: int
    milliwatts: int


def _levels(store: Session, scope: Scope, period: Period) -> tuple[list[_Level], str]:
    """In order, without those of no power, and the zone in which most of the sessions were."""
    changes: dict[int, int] = defaultdict(int)
    zones: Counter[str] = Counter()
    spans: dict[str, tuple[int, int]] = {}
    for charge in charges(store, scope, period):
        if charge.timezone not in spans:
            spans[charge.timezone] = instants(period, charge.timezone)
        first, last = spans[charge.timezone]
        start, end = max(first, charge.begun), min(last, charge.charged)
        if start < end and charge.energy_wh > 0:
            power = charge.energy_wh * 3_600_000 // (charge.charged - charge.begun)
            changes[start] += power
            changes[end] -= power
            zones[charge.timezone] += 1
    most = max(zones, key=lambda name: (zones[name], name), default="UTC")
    return list(_summed_up(changes)), most


def _summed_up(changes: dict[int, int]) -> Iterator[_Level]:
    times, level = sorted(changes), 0
    for start, end in pairwise(times):
        level += changes[start]
        if level > 0:
            yield _Level(start, end, level)


def _peaks(levels: list[_Level], timezone: str, grain: Grain | None) -> dict[Key, Peak]:
    highest: dict[Key, tuple[int, int]] = {}
    for start, end, milliwatts in levels:
        for key, begun, _ in parts(timezone, start, end, grain):
            if key not in highest or milliwatts > highest[key][0]:
                highest[key] = milliwatts, begun
    return {
        key: Peak((milliwatts + 500) // 1000, datetime.fromtimestamp(begun, UTC))
        for key, (milliwatts, begun) in highest.items()
    }
