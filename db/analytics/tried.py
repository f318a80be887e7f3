"""The attempts and visits of `db.analytics.attempts`, as arrays: very many are told apart at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import BigInteger, ColumnElement, cast, func, or_, select
from sqlalchemy.orm import Session

from db import packed
from db.analytics import attempts
from db.analytics.ended import read
from db.analytics.error_codes import ALWAYS_A_WARNING
from db.analytics.outcome import SUCCESS_OVER_WH
from db.analytics.scope import Scope
from db.arrays import Integers, integers
from db.instants import Seconds
from db.models import ChargingSession, ConnectorStatusInterval, OCPPConnector
from db.models.ocpp import TELLS_OF_TROUBLE

# Times a small number, it differs from its other multiples in the upper bits.
_SPREAD = np.int64(-7_046_029_254_386_353_131)
# Beyond all times.
_LATEST = np.int64(2**36)
# So many sessions are looked up at once.
_AT_ONCE = 5_000
_NAMES = (
    "id",
    "station",
    "connector",
    "start",
    "stop",
    "energy_wh",
    "has_ended",
    "has_valid_reason",
    "driver",
)


@dataclass(frozen=True)
class Attempts:
    """By visit, those of a visit in their order. `who` is a number for whoever tried, `pk` that of a session,
    or of a command where `is_session` is 0; `stop` is the start while it is under way, `visit` counts from 0.
    """

    station: Integers
    connector: Integers
    who: Integers
    start: Integers
    stop: Integers
    has_power: Integers
    is_valid: Integers
    is_over: Integers
    is_session: Integers
    pk: Integers
    visit: Integers

    def at(self, chosen: Any) -> Attempts:
        return Attempts(**{each.name: getattr(self, each.name)[chosen] for each in fields(self)})


@dataclass(frozen=True)
class Visits:
    """By their number."""

    station: Integers
    who: Integers
    is_first_valid: Integers
    is_any_valid: Integers
    stop: Integers
    is_over: Integers


def attempts_and_visits(
    store: Session, scope: Scope, start: datetime, end: datetime
) -> tuple[Attempts, Visits]:
    """Those that ended from `start` until before `end`, and those under way."""
    sessions, refused = _sessions(store, scope, start, end), _refused(store, scope, start, end)
    tried = {
        name: np.concatenate((values, refused[name]), dtype=values.dtype) for name, values in sessions.items()
    }
    # Whoever tried at a station, as a number: as with people, that two have the same is one chance in a
    # billion.
    who = tried["who"] ^ tried["station"] * _SPREAD
    order = _in_order(who, tried)
    tried, who = {name: values[order] for name, values in tried.items()}, who[order]
    is_first = _is_first(np.cumsum(_differ(who)), tried["start"], tried["stop"], tried["who"])
    found = Attempts(**tried, visit=np.cumsum(is_first) - 1)
    return found, _visits(found, np.flatnonzero(is_first))


def _in_order(who: Integers, tried: Mapping[str, Any]) -> Integers:
    """The order in which `attempts` puts those of somebody, too."""
    keys = [tried[name] for name in ("pk", "is_session", "stop", "start")] + [who]
    order = np.lexsort(keys[-2:])
    # Few begin in the same second: only these are looked at further.
    alike = ~(_differ(who[order]) | _differ(tried["start"][order]))
    ties = np.flatnonzero(alike | np.append(alike[1:], False)[: len(alike)])
    tied = order[ties]
    order[ties] = tied[np.lexsort([key[tied] for key in keys])]
    return order


def _differ(values: Integers) -> Any:
    """Whether each is another than the one before; the first is."""
    return np.append([True], values[1:] != values[:-1])[: len(values)]


def _is_first(who: Integers, start: Integers, stop: Integers, person: Integers) -> Any:
    """Whether nobody tried before, or too long ago. `who` are people at a station, in order."""
    patience = np.where(person > 0, _seconds(attempts.SAME_VISIT), _seconds(attempts.SAME_VISIT_ANONYMOUS))
    until = np.maximum.accumulate(stop + who * _LATEST)[:-1] - who[1:] * _LATEST
    begins = _differ(who)
    begins[1:] |= start[1:] - until > patience[1:]
    return begins


def _visits(found: Attempts, firsts: Integers) -> Visits:
    def of(values: Integers, reduce: Any) -> Integers:
        reduced: Integers = reduce.reduceat(values, firsts) if len(firsts) else values
        return reduced

    return Visits(
        station=found.station[firsts],
        who=found.who[firsts],
        is_first_valid=found.is_valid[firsts],
        is_any_valid=of(found.is_valid, np.maximum),
        stop=of(found.stop, np.maximum),
        is_over=of(found.is_over, np.minimum),
    )


def _sessions(store: Session, scope: Scope, start: datetime, end: datetime) -> dict[str, Integers]:
    ended = read(store, scope, _NAMES, int(start.timestamp()), int(end.timestamp()))
    theirs = ChargingSession.ocpp_station_id.in_(scope.stations())
    running = packed.of_sessions(store, _NAMES, ChargingSession.stop_time.is_(None), theirs)
    rows = {name: np.concatenate((ended[name], running[name])) for name in _NAMES}
    is_over = rows["has_ended"]
    is_valid = (is_over == 1) & (rows["energy_wh"] > SUCCESS_OVER_WH) & (rows["has_valid_reason"] == 1)
    sessions = {name: rows[name][is_valid] for name in _OF_FAULTS}
    is_valid[is_valid] = ~_faulted_next(store, scope, start, end, sessions)
    has_power = rows["energy_wh"] > 0
    unpowered = ~has_power & (is_over == 1)
    has_power[unpowered] = _are(store, rows["id"][unpowered], attempts.has_charged)
    nobody = np.where(rows["connector"] > 0, -rows["connector"], -rows["id"] - 2**61)
    return {
        "station": rows["station"],
        "connector": rows["connector"],
        "who": np.where(rows["driver"] == 0, nobody, rows["driver"]),
        "start": rows["start"],
        "stop": np.where(is_over == 1, rows["stop"], rows["start"]),
        "has_power": has_power.astype(np.int8),
        "is_valid": is_valid.astype(np.int8),
        "is_over": is_over.astype(np.int8),
        "is_session": np.ones(len(is_over), np.int8),
        "pk": rows["id"],
    }


_OF_FAULTS = ("id", "connector", "stop")


def _refused(store: Session, scope: Scope, start: datetime, end: datetime) -> dict[str, Integers]:
    """They are few: starts from afar that came to nothing."""
    rows = store.execute(attempts.refused(scope, start, end)).all()
    told = [
        (row.station, row.port, _person(row.who, row.port), row.start, row.stop, 0, 0, 1, 0, row.command_pk)
        for row in rows
    ]
    names = [each.name for each in fields(Attempts)][:-1]
    return dict(zip(names, np.array(told, np.int64).reshape(-1, len(names)).T, strict=True))


def _person(who: str, port: int) -> int:
    return -port if who.startswith("port ") else packed.number_of(who)


def _faulted_next(
    store: Session, scope: Scope, start: datetime, end: datetime, sessions: Mapping[str, Integers]
) -> Any:
    """Whether the connectors were faulted at the stops of these sessions, from `start` until before `end`, or
    soon after. Only where there was a fault about that time, the store is asked.
    """
    pks, connectors, stops = (sessions[name] for name in _OF_FAULTS)
    fault = ConnectorStatusInterval
    begun, ended = (Seconds(at) for at in (fault.started_at, fault.ended_at))
    query = (
        select(
            cast(fault.ocpp_connector_id, BigInteger).label("connector"),
            begun.label("begun"),
            func.coalesce(ended, int(_LATEST) - 1).label("ended"),
        )
        .join(OCPPConnector, fault.ocpp_connector_id == OCPPConnector.id)
        .where(
            TELLS_OF_TROUBLE,
            fault.status == "faulted",
            fault.error_code.not_in(sorted(ALWAYS_A_WARNING)),
            fault.started_at <= end + attempts.FAULTED_NEXT,
            or_(fault.ended_at.is_(None), fault.ended_at >= start),
            OCPPConnector.ocpp_station_id.in_(scope.stations()),
        )
    )
    faults = integers(store, query)
    if not len(faults["begun"]):
        return np.zeros(len(pks), bool)
    order = np.lexsort((faults["begun"], faults["connector"]))
    begins = (faults["connector"] * _LATEST + faults["begun"])[order]
    until = np.maximum.accumulate((faults["connector"] * _LATEST + faults["ended"])[order])
    at = connectors * _LATEST + stops
    # A second more, as these times are without their fractions.
    newest = np.searchsorted(begins, at + _seconds(attempts.FAULTED_NEXT) + 1, "right") - 1
    found = (newest >= 0) & (until[newest] >= at)
    found[found] = _are(store, pks[found], attempts.is_faulted_next)
    return found


def _are(store: Session, pks: Integers, condition: Callable[[], ColumnElement[bool]]) -> Any:
    """Of which of these sessions the condition is met."""
    met: list[int] = []
    for some in chunks(pks):
        met += store.scalars(select(ChargingSession.id).where(ChargingSession.id.in_(some), condition()))
    return np.isin(pks, np.array(met, np.int64))


def chunks(pks: Integers) -> Iterator[list[int]]:
    return (pks[start : start + _AT_ONCE].tolist() for start in range(0, len(pks), _AT_ONCE))


def _seconds(time: timedelta) -> int:
    return int(time.total_seconds())
