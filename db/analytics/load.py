"""The load curve: which energy flowed when, and the power at its peak.

A session's energy is taken to flow evenly from its start on while it charges; see `db.sums`. The curve over
the hours of the week is `series.load_by_weekday`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from sqlalchemy.orm import Session

from db.analytics.buckets import Bucket, Grain, Key, buckets, instants, parts
from db.analytics.ended import charges
from db.analytics.hours import by_hour
from db.analytics.scope import Period, Scope
from db.arrays import Integers
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


class _Levels(NamedTuple):
    """From `starts[n]` until the next start, all sessions together drew `milliwatts[n]`; in order."""

    starts: Integers
    milliwatts: Integers


def _levels(store: Session, scope: Scope, period: Period) -> tuple[_Levels, str]:
    """And the zone in which most of the sessions were."""
    found = charges(store, scope, period)
    spans = np.array([instants(period, zone) for zone in found.zones], np.int64).reshape(-1, 2)
    firsts, lasts = spans[found.zone].T
    starts, ends = np.maximum(firsts, found.begun), np.minimum(lasts, found.charged)
    flows = (starts < ends) & (found.energy_wh > 0)
    power = found.energy_wh[flows] * 3_600_000 // (found.charged - found.begun)[flows]
    counts = np.bincount(found.zone[flows], minlength=len(found.zones))
    zones = [(int(count), zone) for count, zone in zip(counts, found.zones, strict=True) if count]
    at = np.concatenate((starts[flows], ends[flows]))
    return _summed_up(at, np.concatenate((power, -power))), max(zones, default=(0, "UTC"))[1]


def _summed_up(at: Integers, changes: Integers) -> _Levels:
    order = np.argsort(at)
    at, levels = at[order], np.cumsum(changes[order])
    # What changes at one time changes at once.
    last = np.append(at[1:] != at[:-1], True)[: len(at)]
    return _Levels(at[last], levels[last])


def _peaks(levels: _Levels, timezone: str, grain: Grain | None) -> dict[Key, Peak]:
    if not len(levels.starts):
        return {}
    highest: dict[Key, tuple[int, int]] = {}
    first, last = (int(levels.starts[end]) for end in (0, -1))
    for key, begun, ended in parts(timezone, first, last, grain):
        start = int(np.searchsorted(levels.starts, begun, "right")) - 1
        end = int(np.searchsorted(levels.starts, ended))
        place = start + int(np.argmax(levels.milliwatts[start:end]))
        milliwatts = int(levels.milliwatts[place])
        if milliwatts > highest.get(key, (0, 0))[0]:
            highest[key] = milliwatts, max(begun, int(levels.starts[place]))
    return {
        key: Peak((milliwatts + 500) // 1000, datetime.fromtimestamp(begun, UTC))
        for key, (milliwatts, begun) in highest.items()
    }
