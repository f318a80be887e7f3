"""The sessions behind the figures, read in one place: those that count, and what of them figures need.

What rollups do not know (medians, drivers, what happened at once) is computed from these, as arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from db import packed
from db.analytics.buckets import Bucket, Grain, Key, bucket_at, instants
from db.analytics.outcome import ENDED_STATUSES
from db.analytics.scope import Period, Scope
from db.analytics.zones import in_period
from db.arrays import Integers, positions
from db.clocks import DAY, HOUR, clock
from db.membership import Unindexed
from db.models import ChargingSession, ChargingStation, OCPPStation
from db.models.sessions import counts
from db.packed import UNKNOWN
from db.sums import LONGEST

_LONGEST = int(LONGEST.total_seconds())
_MONDAY = 4 * DAY  # the first one after 1970 began
_SECONDS = {"hour": HOUR, "day": DAY, "week": 7 * DAY}


def counted() -> ColumnElement[bool]:
    """Which sessions count: those that have ended and are not held back."""
    ended = Unindexed(ChargingSession.status).in_(sorted(ENDED_STATUSES))
    return and_(ChargingSession.stop_time.is_not(None), ended, counts())


def ended(
    store: Session, scope: Scope, period: Period, grain: Grain | None, names: tuple[str, ...]
) -> packed.Columns:
    """The counted sessions that ended in the period: the columns `names` of `db.packed`, and besides

    `bucket` (a number for `key_of`), `currency` (one of `Places.currencies`) and `seconds` plugged in.
    """
    places = Places.of(store, scope)
    first, last = places.span(period)
    found = read(store, scope, (*names, "start", "stop", "station", "has_ended"), first, last)
    found, of = places.located(found)
    spans = np.array([instants(period, zone) for zone in places.zones], np.int64).reshape(-1, 2)
    starts, ends = spans[places.zone[of]].T
    chosen = (found["has_ended"] == 1) & (found["stop"] >= starts) & (found["stop"] < ends)
    found, of = {name: values[chosen] for name, values in found.items()}, of[chosen]
    return found | {
        "bucket": _bucket(_readings(found["stop"], places.zone[of], places.zones, spans), grain),
        "currency": places.currency[of],
        "seconds": found["stop"] - found["start"],
    }


def ended_in(store: Session, scope: Scope, period: Period) -> list[ColumnElement[bool]]:
    """Of sessions with their places, those of the scope that ended in the period, if they count or not."""
    of_scope = [] if scope.kind == "network" else [station_of(scope).in_(scope.stations())]
    return [*of_scope, in_period(store, scope, period, ChargingSession.stop_time)]


def station_of(scope: Scope) -> ColumnElement[int]:
    """The station of sessions that are sought in a period: it is looked up only where there are few."""
    station: ColumnElement[int] = ChargingSession.ocpp_station_id.expression
    return station if scope.is_of_few_stations else Unindexed(station)


def key_of(number: int, grain: Grain | None) -> Key:
    """The bucket that has this number in `ended`."""
    if grain is None:
        return None
    if grain == "month":
        return Bucket(date(int(number) // 12, int(number) % 12 + 1, 1))
    return bucket_at(int(number) * _SECONDS[grain] + (_MONDAY if grain == "week" else 0), grain)


def groups(*keys: Integers) -> tuple[list[tuple[int, ...]], list[Integers]]:
    """The different rows of these columns in order, and of each the positions at which it stands."""
    if not len(keys[0]):
        return [], []
    order = np.lexsort(keys[::-1])
    ordered = np.array(keys)[:, order]
    begins = np.flatnonzero(np.any(ordered[:, 1:] != ordered[:, :-1], axis=0)) + 1
    firsts = ordered[:, np.concatenate(([0], begins))].T.tolist()
    return [tuple(first) for first in firsts], np.split(order, begins)


@dataclass(frozen=True)
class Charges:
    """When counted sessions passed, in seconds since 1970: plugged in from `begun` until `ended`, charging
    until `charged`. As in the sums of `db.sums`, energy flows evenly from the start on, and only the last 31
    days of a session count as time. `connector` is 0 where it is not known; `zone` is of `zones`.
    """

    station: Integers
    connector: Integers
    zone: Integers
    begun: Integers
    ended: Integers
    charged: Integers
    energy_wh: Integers
    zones: list[str]

    def of_zone(self, number: int) -> Charges:
        if len(self.zones) == 1:
            return self
        here = self.zone == number
        arrays = {name: values[here] for name, values in vars(self).items() if name != "zones"}
        return Charges(**arrays, zones=self.zones)


def charges(store: Session, scope: Scope, period: Period) -> Charges:
    """The counted sessions that were plugged in for some of the period, not clipped to it."""
    places = Places.of(store, scope)
    first, last = places.span(period)
    names = ("station", "connector", "start", "stop", "charging_seconds", "energy_wh", "has_ended")
    # One that stopped as the period began was not plugged in in it, but for a part of a second.
    found = read(store, scope, names, first, last + _LONGEST)
    chosen = (found["has_ended"] == 1) & (found["start"] < last)
    found, of = places.located({name: values[chosen] for name, values in found.items()})
    stop, charging = found["stop"], found["charging_seconds"]
    begun = np.maximum(found["start"], stop - _LONGEST)
    return Charges(
        station=found["station"],
        connector=found["connector"],
        zone=places.zone[of],
        begun=begun,
        ended=stop,
        charged=np.where(
            charging == UNKNOWN, stop, begun + np.maximum(0, np.minimum(stop - begun, charging))
        ),
        energy_wh=found["energy_wh"],
        zones=places.zones,
    )


def read(store: Session, scope: Scope, names: tuple[str, ...], start: int, end: int) -> packed.Columns:
    """Columns of `db.packed` of the scope's sessions that stopped from `start` until before `end`."""
    stations = None if scope.kind == "network" else scope.stations()
    return packed.columns(store, names, start, end, stations, is_packed=not scope.is_of_few_stations)


@dataclass(frozen=True)
class Places:
    """Of each station, in the order of `pks`, the number of its time zone and of its currency."""

    pks: Integers
    zone: Integers
    currency: Integers
    zones: list[str]
    currencies: list[str]

    @classmethod
    def of(cls, store: Session, scope: Scope) -> Places:
        rows = store.execute(
            select(OCPPStation.id, ChargingStation.timezone, ChargingStation.currency)
            .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
            .where(OCPPStation.id.in_(scope.stations()))
            .order_by(OCPPStation.id)
        ).all()
        zones, currencies = sorted({row.timezone for row in rows}), sorted({row.currency for row in rows})
        numbers = [(pk, zones.index(zone), currencies.index(money)) for pk, zone, money in rows]
        pks, zone, currency = np.array(numbers, np.int64).reshape(-1, 3).T
        return cls(pks, zone, currency, zones, currencies)

    def located(self, found: packed.Columns) -> tuple[packed.Columns, Integers]:
        """What is of these stations, as one may have been added meanwhile, and the positions of theirs."""
        of = positions(self.pks, found["station"])
        known = of >= 0
        if known.all():
            return found, of
        return {name: values[known] for name, values in found.items()}, of[known]

    def span(self, period: Period) -> tuple[int, int]:
        """From the first to the last instant of the period on any of the clocks."""
        spans = [instants(period, zone) for zone in self.zones]
        return min((span[0] for span in spans), default=0), max((span[1] for span in spans), default=0)


def days_within(places: Places, period: Period, of: Integers, at: Integers) -> Integers:
    """The number of the local day of each instant, counted from 1970; -1 outside of the period.

    `of` are the positions of the stations on whose clocks it is.
    """
    spans = np.array([instants(period, zone) for zone in places.zones], np.int64).reshape(-1, 2)
    zone = places.zone[of]
    starts, ends = spans[zone].T
    inside = (at >= starts) & (at < ends)
    days = np.full(len(at), -1, np.int64)
    days[inside] = _readings(at[inside], zone[inside], places.zones, spans) // DAY
    return days


def _readings(at: Integers, zone: Integers, zones: list[str], spans: Any) -> Integers:
    """What the clocks of their stations read at instants of the period."""
    found = np.empty_like(at)
    for number, name in enumerate(zones):
        here = zone == number
        jumps = list(clock(name).offsets(*map(int, spans[number])))
        until, offsets = np.array(jumps, np.int64).T
        found[here] = at[here] + offsets[np.searchsorted(until[:-1], at[here], "right")]
    return found


def _bucket(reading: Integers, grain: Grain | None) -> Integers:
    if grain is None:
        return np.zeros_like(reading)
    if grain == "month":
        # Months are counted from 1970.
        return (reading // DAY).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) + 1970 * 12
    return (reading - (_MONDAY if grain == "week" else 0)) // _SECONDS[grain]
