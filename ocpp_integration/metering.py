"""What a session used, made of its meter values and of what its connector reported meanwhile.

Idle time is what the connector calls suspended by the vehicle. Some vehicles never say so and trickle on:
where less than 100 W flowed for five minutes and more, that is idle time too.

A session that was paid in advance is billed once its car is gone: as long as its connector goes on to be
occupied after the end of it, that is idle time as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise, takewhile
from typing import Literal

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from db.analytics.meter_values import times_of
from db.models import ChargingSession, ConnectorStatusInterval, SessionMeterValue
from ocpp_integration.pricing import Reading, Stretch, Usage

_REGISTER = "energy_active_import_register"
_STATES: dict[str, Literal["idle", "held"]] = {
    "suspended_ev": "idle",
    "suspended_evse": "held",
    "faulted": "held",
    "unavailable": "held",
}
# What a connector says of a car that is plugged in and does not charge (any more).
_PARKED = frozenset({"finishing", "suspended_ev"})
_TRICKLE_W = 100
_STILL_AT_LEAST = timedelta(minutes=5)
_CHARGED = frozenset({"charging", "suspended_evse"})
# Statuses that follow an end until its connector is free; some say the same again with another error.
_FEW = 20


@dataclass(frozen=True)
class Observed:
    """The register in Wh by time, in order; and (status, from, to) of the connector, `to` None while open.

    `parked` is from when to when the car stayed plugged in after the session's end.
    """

    timezone: str
    registers: Sequence[tuple[datetime, int]] = ()
    statuses: Sequence[tuple[str, datetime, datetime | None]] = ()
    parked: tuple[datetime, datetime] | None = None


def observe(store: Session, sessions: Collection[ChargingSession]) -> dict[int, Observed]:
    """What is known of each session, by its key; few of them, or such as lie close together, at a time."""
    if not sessions:
        return {}
    registers, statuses = _registers(store, sessions), _statuses(store, sessions)
    return {
        session.id: Observed(
            session.station.charging_station.timezone,
            registers[session.id],
            statuses[session.ocpp_connector_id or 0],
            _parked(store, session),
        )
        for session in sessions
    }


def usage_of(session: ChargingSession, observed: Observed) -> Usage:
    """The session until its end or until what was heard last. Its energy is what the session says."""
    start, end = session.start_time, _end(session, observed)
    readings = tuple(_readings(session, observed.registers, start, end))
    told = [
        Stretch(_STATES[status], max(since, start), min(until or end, end))
        for status, since, until in observed.statuses
        if status in _STATES and since < end and (until is None or until > start)
    ]
    still = [part for stretch in _still(readings) for part in _outside(stretch, told)]
    usage = Usage(readings, observed.timezone, (*told, *still))
    return _with_parking(usage, *observed.parked) if observed.parked else usage


def _with_parking(usage: Usage, since: datetime, until: datetime) -> Usage:
    """What was told of the car only a moment after the end is neither charging nor parking until then."""
    end = usage.readings[-1]
    after = (Stretch("held", end.at, since), Stretch("idle", since, until))
    readings = (*usage.readings, Reading(until, end.energy_wh))
    return replace(usage, readings=readings, stretches=(*usage.stretches, *after))


def _end(session: ChargingSession, observed: Observed) -> datetime:
    if session.stop_time is not None:
        return max(session.start_time, session.stop_time)
    heard = [session.start_time, session.power_at or session.start_time]
    return max(heard + [at for at, _ in observed.registers[-1:]])


def _readings(
    session: ChargingSession, registers: Sequence[tuple[datetime, int]], start: datetime, end: datetime
) -> Iterator[Reading]:
    """A register that falls was reset, and begins anew from zero."""
    most, total = session.energy_wh or 0, 0
    before = session.meter_start if session.meter_start is not None or not registers else registers[0][1]
    yield Reading(start, 0)
    for at, register in registers:
        total += register - before if before is not None and register >= before else register
        before = register
        if start < at < end:
            yield Reading(at, min(total, most))
    yield Reading(end, most)


def _still(readings: Sequence[Reading]) -> Iterator[Stretch]:
    """Where next to nothing flowed after something had."""
    run: Stretch | None = None
    for before, after in pairwise(readings):
        length = after.at - before.at
        flowed = (after.energy_wh - before.energy_wh) * 3600
        if before.energy_wh and flowed < _TRICKLE_W * length // timedelta(seconds=1):
            run = Stretch("idle", before.at, after.at) if run is None else replace(run, end=after.at)
        elif length:
            if run is not None and run.end - run.start >= _STILL_AT_LEAST:
                yield run
            run = None
    if run is not None and run.end - run.start >= _STILL_AT_LEAST:
        yield run


def _outside(stretch: Stretch, told: Iterable[Stretch]) -> Iterator[Stretch]:
    """What of it no report covers."""
    start = stretch.start
    for each in sorted(told, key=lambda each: each.start):
        if each.end <= start or each.start >= stretch.end:
            continue
        if each.start > start:
            yield replace(stretch, start=start, end=each.start)
        start = each.end
    if start < stretch.end:
        yield replace(stretch, start=start)


def is_parked(store: Session, session: ChargingSession) -> bool:
    """Whether the car of a session that has ended is plugged in still, as far as its connector tells."""
    intervals = _intervals_after(store, session)
    return bool(intervals) and intervals[-1].ended_at is None


def _parked(store: Session, session: ChargingSession) -> tuple[datetime, datetime] | None:
    intervals = _intervals_after(store, session)
    if session.prepaid is None or session.stop_time is None or not intervals:
        return None
    since = max(session.stop_time, intervals[0].started_at)
    until = intervals[-1].ended_at or session.plugged_until or since
    return (since, until) if until > since else None


def _intervals_after(store: Session, session: ChargingSession) -> list[ConnectorStatusInterval]:
    """Those without a gap throughout which the session's car was still plugged in."""
    stop = session.stop_time
    # One that was only just assigned is not yet in the column of its key.
    if stop is None or session.connector is None:
        return []
    rows = store.scalars(
        select(ConnectorStatusInterval)
        .where(
            ConnectorStatusInterval.ocpp_connector_id == session.connector.id,
            or_(ConnectorStatusInterval.ended_at.is_(None), ConnectorStatusInterval.ended_at > stop),
        )
        .order_by(ConnectorStatusInterval.started_at)
        .limit(_FEW)
    ).all()
    # What it was when the session ended need not say so yet.
    first = 1 if rows and rows[0].started_at <= stop and rows[0].status in _CHARGED else 0
    return list(takewhile(lambda row: row.status in _PARKED, rows[first:]))


def _registers(
    store: Session, sessions: Collection[ChargingSession]
) -> dict[int, list[tuple[datetime, int]]]:
    start, stop = _around(sessions)
    rows = store.execute(
        select(
            SessionMeterValue.session_id,
            SessionMeterValue.timestamp,
            SessionMeterValue.value,
            SessionMeterValue.unit,
        ).where(
            SessionMeterValue.session_id.in_([session.id for session in sessions]),
            SessionMeterValue.measurand == _REGISTER,
            SessionMeterValue.phase.is_(None),
            *times_of(start, stop),
        )
    )
    found: dict[int, list[tuple[datetime, int]]] = defaultdict(list)
    for pk, at, value, unit in rows:
        found[pk].append((at, int(value * 1000 if unit == "kWh" else value)))
    for registers in found.values():
        registers.sort()
    return found


def _statuses(
    store: Session, sessions: Collection[ChargingSession]
) -> dict[int, list[tuple[str, datetime, datetime | None]]]:
    start, stop = _around(sessions)
    rows = store.execute(
        select(
            ConnectorStatusInterval.ocpp_connector_id,
            ConnectorStatusInterval.status,
            ConnectorStatusInterval.started_at,
            ConnectorStatusInterval.ended_at,
        )
        .where(
            ConnectorStatusInterval.ocpp_connector_id.in_(
                {session.ocpp_connector_id for session in sessions if session.ocpp_connector_id is not None}
            ),
            ConnectorStatusInterval.status.in_(_STATES),
            or_(ConnectorStatusInterval.ended_at.is_(None), ConnectorStatusInterval.ended_at > start),
            *([] if stop is None else [ConnectorStatusInterval.started_at < stop]),
        )
        .order_by(ConnectorStatusInterval.started_at)
    )
    found: dict[int, list[tuple[str, datetime, datetime | None]]] = defaultdict(list)
    for connector, status, since, until in rows:
        found[connector].append((status, since, until))
    return found


def _around(sessions: Collection[ChargingSession]) -> tuple[datetime, datetime | None]:
    stops = [session.stop_time for session in sessions]
    known = [stop for stop in stops if stop is not None]
    return (
        min(session.start_time for session in sessions),
        max(known) if len(known) == len(stops) else None,
    )
