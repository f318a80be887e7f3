"""How long connectors were observed, down and excused, summed over very many of them.

The same sums as those of `db.analytics.outages.definitions`, without the log of each connector.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import BigInteger, case, cast, func, or_, select
from sqlalchemy.orm import Session

from db.analytics import exclusions
from db.analytics.availability import UK_RAPID_W
from db.analytics.outcome import DOWN_STATUSES
from db.analytics.scope import Period, Scope
from db.analytics.zones import FROM_UTC
from db.arrays import Integers, integers, positions
from db.instants import Microseconds
from db.models import (
    ChargingConnector,
    ChargingStation,
    ConnectorStatusInterval,
    OCPPConnector,
    OCPPStation,
)

_MICROSECOND = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1) // _MICROSECOND
_NEVER = 2**62
# Of each the number of its port, from when and until when.
_Spans = tuple[Integers, Integers, Integers]


@dataclass(frozen=True)
class PortTimes:
    """Summed over connectors that were observed; `excluded` is of the outage. Of the rapid ones the time in
    the period, and that in which they were out of service.
    """

    observed: timedelta
    outage: timedelta
    excluded: timedelta
    rapid_open: timedelta
    rapid_out: timedelta


@dataclass(frozen=True)
class _Log:
    """A row for each interval in the period; `port` is a position in `ports`. Times in µs since 1970."""

    ports: Integers
    opened: Integers
    is_rapid: Any
    port: Integers
    start: Integers
    end: Integers
    is_down: Any
    is_out: Any

    def spans(self, chosen: Any = ...) -> _Spans:
        return self.port[chosen], self.start[chosen], self.end[chosen]


def port_times(store: Session, scope: Scope, period: Period, now: datetime) -> PortTimes:
    """Of the period by the clock of each connector, up to now."""
    log = _log(store, scope, period, now)
    every, down = log.spans(), log.spans(log.is_down)
    excused = _excluded(store, scope, period, log.ports)
    either = [np.concatenate(columns) for columns in zip(down, excused, strict=True)]
    # What lies in both is what both have, less what is in either.
    excluded = _length(*down) + _length(*excused) - _length(*either)
    return PortTimes(
        observed=_length(*every) * _MICROSECOND,
        outage=_length(*down) * _MICROSECOND,
        excluded=excluded * _MICROSECOND,
        rapid_open=int(log.opened[log.is_rapid].sum()) * _MICROSECOND,
        rapid_out=_length(*log.spans(log.is_out & log.is_rapid[log.port])) * _MICROSECOND,
    )


def _log(store: Session, scope: Scope, period: Period, now: datetime) -> _Log:
    places = _places(store, scope)
    bounds = {zone: _within(period, zone, now) for zone in {zone for _, zone, _ in places}}
    pks = np.array([pk for pk, _, _ in places], np.int64)
    firsts, lasts = np.array([bounds[zone] for _, zone, _ in places], np.int64).reshape(-1, 2).T
    rows = _intervals(store, scope, period)
    port = positions(pks, rows["connector"])
    rows, port = {name: values[port >= 0] for name, values in rows.items()}, port[port >= 0]
    start, end = np.maximum(rows["start"], firsts[port]), np.minimum(rows["end"], lasts[port])
    known = start < end
    seen = np.zeros(len(pks), bool)
    seen[port[known]] = True
    return _Log(
        ports=pks,
        opened=lasts - firsts,
        is_rapid=np.array([(power_w or 0) >= UK_RAPID_W for _, _, power_w in places], bool) & seen,
        port=port[known],
        start=start[known],
        end=end[known],
        is_down=rows["is_down"][known] == 1,
        is_out=rows["is_out"][known] == 1,
    )


def _places(store: Session, scope: Scope) -> list[tuple[int, str, int | None]]:
    """Each connector with its time zone and its rating, in order."""
    query = (
        select(OCPPConnector.id, ChargingStation.timezone, ChargingConnector.power_w)
        .join(OCPPStation, OCPPConnector.ocpp_station_id == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .outerjoin(ChargingConnector, OCPPConnector.charging_connector_id == ChargingConnector.id)
        .where(OCPPStation.id.in_(scope.stations()))
        .order_by(OCPPConnector.id)
    )
    return [(pk, zone, power_w) for pk, zone, power_w in store.execute(query)]


def _intervals(store: Session, scope: Scope, period: Period) -> dict[str, Integers]:
    interval = ConnectorStatusInterval
    first, last = period.bounds("UTC")
    is_down, is_out = (
        case((interval.status.in_(sorted(statuses)), 1), else_=0)
        for statuses in (DOWN_STATUSES, ("unavailable", "faulted"))
    )
    columns = {
        "connector": interval.ocpp_connector_id,
        "start": Microseconds(interval.started_at),
        "end": func.coalesce(Microseconds(interval.ended_at), _NEVER),
        "is_down": is_down,
        "is_out": is_out,
    }
    query = (
        select(*(cast(column, BigInteger).label(name) for name, column in columns.items()))
        .join(OCPPConnector, interval.ocpp_connector_id == OCPPConnector.id)
        .where(
            OCPPConnector.ocpp_station_id.in_(scope.stations()),
            interval.started_at < last + FROM_UTC,
            or_(interval.ended_at.is_(None), interval.ended_at > first - FROM_UTC),
        )
    )
    return integers(store, query)


def _excluded(store: Session, scope: Scope, period: Period, pks: Integers) -> _Spans:
    first, last = period.bounds("UTC")
    stations: dict[int, list[int]] = {}
    for pk, station_pk in store.execute(
        select(OCPPConnector.id, OCPPConnector.ocpp_station_id).where(
            OCPPConnector.ocpp_station_id.in_(scope.stations())
        )
    ):
        stations.setdefault(station_pk, []).append(pk)
    found = [
        (pk, _instant(each.start), _instant(each.end))
        for each in exclusions.within(store, scope, first - FROM_UTC, last + FROM_UTC)
        for pk in stations.get(each.station_pk, ())
        if each.connector_pk in (None, pk)
    ]
    connectors, starts, ends = np.array(found, np.int64).reshape(-1, 3).T
    return positions(pks, connectors), starts, ends


def _length(port: Integers, starts: Integers, ends: Integers) -> int:
    """How long those spans last together, overlaps of a port counted once."""
    if not len(port):
        return 0
    order = np.lexsort((starts, port))
    port, starts, ends = port[order], starts[order], ends[order]
    # Times by their rank, so that those of each port can be told in numbers beyond the ones before.
    times, ranks = np.unique(np.concatenate((starts, ends)), return_inverse=True)
    start, end = ranks[: len(port)] + port * len(times), ranks[len(port) :] + port * len(times)
    until = np.maximum.accumulate(end)
    before = np.concatenate(([start[0]], until[:-1]))
    # What each adds behind all before it.
    adds = end > before
    counted = times[np.maximum(start, before)[adds] % len(times)]
    return int((ends[adds] - counted).sum())


def _within(period: Period, zone: str, now: datetime) -> tuple[int, int]:
    start, end = period.bounds(zone)
    return _instant(start), _instant(max(start, min(end, now)))


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _instant(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND
