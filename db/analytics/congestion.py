"""How long sites were full: Atlas's site congestion.

A site is a station; it is congested while all of its connectors that are open are occupied at once. The rate
is over the time in which it is open (`db.analytics.capacity`), and of several sites that of their sums. A
session of an unknown connector counts for the only one of its station, and for none where there are several.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
from sqlalchemy.orm import Session

from db.analytics.buckets import Bucket, Grain, Key, Parts, buckets
from db.analytics.capacity import ports
from db.analytics.ended import Charges, charges
from db.analytics.scope import Period, Scope
from db.arrays import Integers, positions


@dataclass(frozen=True)
class Congestion:
    """Times summed over sites."""

    congested: timedelta = timedelta()
    open: timedelta = timedelta()

    @property
    def share(self) -> float | None:
        """None where no site was open."""
        return self.congested / self.open if self.open else None


def whole(store: Session, scope: Scope, period: Period, now: datetime) -> Congestion:
    """Of the period as a whole, up to now."""
    found = _full(store, scope, period, now)
    return Congestion(_seconds((found.ends - found.starts).sum()), _seconds((found.last - found.first).sum()))


def series(
    store: Session, scope: Scope, period: Period, grain: Grain, now: datetime
) -> dict[Bucket, Congestion]:
    """Of every bucket of the period, in order."""
    found = _full(store, scope, period, now)
    sums: dict[Key, list[int]] = defaultdict(lambda: [0, 0])
    zones = np.array(found.zones)
    for zone in set(found.zones):
        cut, full = Parts.of(period, zone, grain), zones[found.site] == zone
        seconds = (
            cut.shared(found.starts[full], found.ends[full]),
            cut.shared(found.first[zones == zone], found.last[zones == zone]),
        )
        for key, *each in zip(cut.keys, *(values.tolist() for values in seconds), strict=True):
            sums[key] = [one + other for one, other in zip(sums[key], each, strict=True)]
    return {bucket: Congestion(*map(_seconds, sums.get(bucket, (0, 0)))) for bucket in buckets(period, grain)}


class _Full(NamedTuple):
    """When sites were full: `site` of `sites`, from `starts` until `ends`. A site is open from its `first` to
    its `last`.
    """

    site: Integers
    starts: Integers
    ends: Integers
    sites: list[int]
    zones: list[str]
    first: Integers
    last: Integers


class _Ports(NamedTuple):
    """The connectors that were open, by their `ocpp_connectors.id`: of which site, from when to when."""

    pk: Integers
    site: Integers
    first: Integers
    last: Integers


def _full(store: Session, scope: Scope, period: Period, now: datetime) -> _Full:
    opened = [(port, *port.open_in(period, now)) for port in sorted(ports(store, scope))]
    opened = [each for each in opened if each[1] < each[2]]
    zones = {port.station_pk: port.timezone for port, _, _ in opened}
    sites = sorted(zones)
    numbers = {pk: number for number, pk in enumerate(sites)}
    rows = [(port.pk, numbers[port.station_pk], start, end) for port, start, end in opened]
    there = _Ports(*np.array(rows, np.int64).reshape(-1, 4).T)
    first, last = np.full(len(sites), _LATEST), np.full(len(sites), -_LATEST)
    np.minimum.at(first, there.site, there.first)
    np.maximum.at(last, there.site, there.last)
    taken = _taken(charges(store, scope, period), np.array(sites, np.int64), there, first, last)
    full = congested(*taken, there.site, np.bincount(there.site, minlength=len(sites)))
    return _Full(*full, sites, [zones[pk] for pk in sites], first, last)


# Beyond all times.
_LATEST = np.int64(2**36)


def _taken(
    found: Charges, sites: Integers, there: _Ports, first: Integers, last: Integers
) -> tuple[Integers, Integers, Integers]:
    """The number of a port, from when and until when nobody else could have it while its site was open."""
    if not len(sites):
        return there.pk, there.first, there.last
    site = positions(sites, found.station)
    counts = np.bincount(there.site, minlength=len(sites))
    only = np.zeros(len(sites), np.int64)
    only[there.site] = there.pk
    unknown = np.where(counts[site] == 1, only[site], 0)
    pk = np.where(found.connector == 0, unknown, found.connector)
    port = positions(there.pk, pk)
    starts, ends = np.maximum(found.begun, first[site]), np.minimum(found.ended, last[site])
    chosen = (site >= 0) & (port >= 0) & (starts < ends)
    # A connector that is not open takes nobody in either.
    every = np.arange(len(there.pk))
    return (
        np.concatenate((port[chosen], every, every)),
        np.concatenate((starts[chosen], first[there.site], there.last)),
        np.concatenate((ends[chosen], there.first, last[there.site])),
    )


def congested(
    port: Integers, starts: Integers, ends: Integers, site_of_port: Integers, ports_of_site: Integers
) -> tuple[Integers, Integers, Integers]:
    """When all ports of a site were taken at once: the site, from when, until when.

    Of each time that one was taken there is its number, from when and until when; such times may overlap.
    """
    site, starts, ends = _joined(port, starts, ends, site_of_port)
    # A number for each change, by site and time; the last digit says whether one more is taken then.
    changes = np.sort(2 * np.concatenate((starts, ends)) + np.repeat([1, 0], len(site)))
    at, taken = changes // 2, np.cumsum(2 * (changes % 2) - 1)
    # What changes at one time changes at once. At the end of each site nothing is taken.
    lasts = np.flatnonzero(np.append(at[1:] != at[:-1], [True])[: len(at)])
    sites, at, taken = at[lasts] // _LATEST, at[lasts] % _LATEST, taken[lasts]
    full = np.flatnonzero((taken > 0) & (taken == ports_of_site[sites]))
    return sites[full], at[full], at[full + 1]


def _joined(
    port: Integers, starts: Integers, ends: Integers, site_of_port: Integers
) -> tuple[Integers, Integers, Integers]:
    """The same time of each port without overlaps: the site, and both times behind it in one number."""
    passed = starts < ends
    port = port[passed]
    # Times behind the port in one number: so all of a later port are beyond those of the ones before it.
    starts, ends = starts[passed] + port * _LATEST, ends[passed] + port * _LATEST
    order = np.argsort(starts)
    port, starts, until = port[order], starts[order], np.maximum.accumulate(ends[order])
    begins = np.flatnonzero(np.append([True], starts[1:] > until[:-1])[: len(port)])
    lasts = np.append(begins[1:], len(port))[: len(begins)] - 1
    site = site_of_port[port[begins]]
    moved = (site - port[begins]) * _LATEST
    return site, starts[begins] + moved, until[lasts] + moved


def _seconds(count: int | np.int64) -> timedelta:
    return timedelta(seconds=int(count))
