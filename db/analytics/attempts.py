"""Attempts to charge as the store knows them, for the ChargeX indicators (`charge_success`).

Authorize messages do not come over the webhook contract, so that a driver whom a charge point turns away at
its card reader leaves no trace here. What there is:

- An *attempt* is a session (a StartTransaction, or an accepted start from afar that no transaction followed),
  and a start from afar that was refused or came to nothing without a session. A start that never reached the
  backend is none, nor is one at a connector that somebody else had; both say nothing of the charge point.
- *Power was delivered* where the meter rose above its start, or the connector reported Charging meanwhile.
- A *stop is valid* by its reason, after more than 0.1 kWh (`outcome.is_success`), unless the connector was
  faulted then or is so next, within `FAULTED_NEXT`. An EVCommunicationError is a warning and no fault.

An attempt belongs to the moment at which it ended. One that is still under way is told as not over.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    and_,
    case,
    cast,
    exists,
    extract,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.orm import Session, aliased

from db.analytics.charge_success import Attempt
from db.analytics.error_codes import ALWAYS_A_WARNING
from db.analytics.outcome import ENDED_STATUSES, is_success
from db.analytics.scope import Scope
from db.models import (
    ChargingSession,
    ChargingStation,
    Command,
    ConnectorStatusInterval,
    OCPPConnector,
    OCPPStation,
)
from db.models.ocpp import TELLS_OF_TROUBLE

# The status that follows a stop tells of it only if it follows soon.
FAULTED_NEXT = timedelta(minutes=5)
# Why a start failed without a charge point having been asked: the backend was away, or somebody else was at
# the connector. The words are those of `ocpp_integration.errors` and `ocpp_integration.charging`.
NOT_ASKED = frozenset({"backend_down", "busy"})
_AT_ONCE = 2_000

# By connector, when faults began that spoil the stops before and in them, and when they ended; in order.
_Faults = Mapping[int, tuple[list[int], list[int]]]


class StationAttempts(NamedTuple):
    """A station (`ocpp_stations.id`), its clock and its attempts."""

    station: int
    timezone: str
    attempts: list[Attempt]


def by_station(store: Session, scope: Scope, start: datetime, end: datetime) -> Iterator[StationAttempts]:
    """The attempts that ended from `start` until before `end` and those under way, station by station.

    No more than a station's are in memory.
    """
    faults = _faults(store, scope, start, end)
    zones = dict(store.execute(_zones(scope)).all())
    refused: dict[int, list[Attempt]] = defaultdict(list)
    for attempt in _refused(store, scope, start, end):
        refused[attempt.station].append(attempt)
    rows = store.execute(
        _sessions(scope, start, end, store.get_bind().dialect.name).execution_options(yield_per=_AT_ONCE)
    )
    for station, found in groupby(rows, key=lambda row: row[0]):
        attempts = [_of_session(row, faults) for row in found]
        yield StationAttempts(station, zones[station], attempts + refused.pop(station, []))
    for station, alone in refused.items():
        yield StationAttempts(station, zones[station], alone)


def _zones(scope: Scope) -> Select[int, str]:
    return (
        select(OCPPStation.id, ChargingStation.timezone)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .where(OCPPStation.id.in_(scope.stations()))
    )


def _sessions(scope: Scope, start: datetime, end: datetime, dialect: str) -> Select[*tuple[Any, ...]]:
    session = ChargingSession
    has_ended = and_(session.status.in_(ENDED_STATUSES), session.stop_time.is_not(None))
    return (
        select(
            session.ocpp_station_id,
            session.ocpp_connector_id,
            session.user_id,
            session.id_tag,
            _epoch(session.start_time, dialect),
            _epoch(session.stop_time, dialect),
            case((session.energy_wh > 0, true()), else_=_has_charged()),
            session.energy_wh,
            session.stop_reason,
            has_ended,
            session.id,
        )
        .where(
            session.ocpp_station_id.in_(scope.stations()),
            or_(and_(session.stop_time >= start, session.stop_time < end), session.stop_time.is_(None)),
        )
        .order_by(session.ocpp_station_id)
    )


def _has_charged() -> ColumnElement[bool]:
    """Whether the connector reported Charging while the session lasted."""
    told = aliased(ConnectorStatusInterval)
    return exists().where(
        told.ocpp_connector_id == ChargingSession.ocpp_connector_id,
        told.status == "charging",
        told.started_at >= ChargingSession.start_time,
        told.started_at < ChargingSession.stop_time,
    )


def _of_session(row: Sequence[Any], faults: _Faults) -> Attempt:
    station, port, user_id, id_tag, start, stop, has_power, energy_wh, reason, has_ended, pk = row
    driver = id_tag if user_id is None else str(user_id)
    if not has_ended:
        return Attempt(station, port, driver, start, start, bool(has_power), False, False, "session", pk)
    is_valid = is_success(energy_wh, reason) and not _is_faulted_next(faults, port, stop)
    return Attempt(
        station, port, driver, start, max(start, stop), bool(has_power), is_valid, True, "session", pk
    )


def _is_faulted_next(faults: _Faults, port: int | None, stop: int) -> bool:
    if port is None or port not in faults:
        return False
    begins, ends = faults[port]
    place = bisect_right(begins, stop) - 1
    return place >= 0 and stop < ends[place]


def _faults(store: Session, scope: Scope, start: datetime, end: datetime) -> _Faults:
    """From the begin of the status before a fault, at most `FAULTED_NEXT`, until the fault's end."""
    fault, before = ConnectorStatusInterval, aliased(ConnectorStatusInterval)
    dialect = store.get_bind().dialect.name
    status_before = (
        select(func.max(before.started_at))
        .where(before.ocpp_connector_id == fault.ocpp_connector_id, before.started_at < fault.started_at)
        .scalar_subquery()
    )
    rows = store.execute(
        select(
            fault.ocpp_connector_id,
            _epoch(fault.started_at, dialect),
            _epoch(fault.ended_at, dialect),
            _epoch(status_before, dialect),
        )
        .join(OCPPConnector, fault.ocpp_connector_id == OCPPConnector.id)
        .where(
            TELLS_OF_TROUBLE,
            fault.status == "faulted",
            fault.error_code.not_in(ALWAYS_A_WARNING),
            fault.started_at < end + FAULTED_NEXT,
            or_(fault.ended_at.is_(None), fault.ended_at > start),
            OCPPConnector.ocpp_station_id.in_(scope.stations()),
        )
        .order_by(fault.ocpp_connector_id, fault.started_at)
    )
    last = int(end.timestamp())
    soon = int(FAULTED_NEXT.total_seconds())
    found: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for port, begun, ended, earlier in rows:
        begins, ends = found[port]
        begins.append(max(begun - soon, earlier if earlier is not None else begun))
        ends.append(last if ended is None else ended)
    return dict(found)


def _refused(store: Session, scope: Scope, start: datetime, end: datetime) -> Iterable[Attempt]:
    """Starts from afar that came to nothing and made no session. A moment each, when they were sent."""
    made = exists().where(ChargingSession.transaction_id == Command.transaction_id)
    rows = store.execute(
        select(
            OCPPConnector.ocpp_station_id,
            OCPPConnector.id,
            Command.user_id,
            Command.sent_at,
            Command.outcome,
            Command.id,
        )
        .join(OCPPConnector, Command.ocpp_connector_id == OCPPConnector.id)
        .where(
            Command.state == "failed",
            Command.kind == "start",
            Command.sent_at >= start,
            Command.sent_at < end,
            OCPPConnector.ocpp_station_id.in_(scope.stations()),
            ~made,
        )
    )
    for station, port, user_id, sent_at, outcome, pk in rows:
        if (outcome or {}).get("code") in NOT_ASKED:
            continue
        at, driver = int(sent_at.timestamp()), None if user_id is None else str(user_id)
        yield Attempt(station, port, driver, at, at, False, False, True, "command", pk)


def _epoch(time: Any, dialect: str) -> ColumnElement[int]:
    # PostgreSQL would round it, and a stop just before midnight be in the next day.
    return cast(
        extract("epoch", func.date_trunc("second", time) if dialect == "postgresql" else time), BigInteger
    )
