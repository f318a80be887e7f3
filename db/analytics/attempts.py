"""Attempts to charge and visits as the store knows them, for the ChargeX indicators (`charge_success`).

Authorize messages do not come over the webhook contract, so that a driver whom a charge point turns away at
its card reader leaves no trace here. What there is:

- An *attempt* is a session (a StartTransaction, or an accepted start from afar that no transaction followed),
  and a start from afar that was refused or came to nothing without a session. A start that never reached the
  backend is none, nor is one at a connector that somebody else had; both say nothing of the charge point.
- *Power was delivered* where the meter rose above its start, or the connector reported Charging meanwhile.
- A *stop is valid* by its reason, after more than 0.1 kWh (`outcome.is_success`), unless the connector was
  faulted then or within `FAULTED_NEXT`. An EVCommunicationError is a warning and no fault.
- A *visit* is the attempts of one person at one station without a long pause: the user who started from afar,
  else the id tag; where nobody knows who it was, whoever tries the same connector again at once.

An attempt belongs to the moment at which it ended. One that is still under way counts nowhere yet, nor does
its visit. Times are in seconds since 1970.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    String,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    not_,
    null,
    or_,
    select,
)
from sqlalchemy.orm import aliased

from db.analytics.ended import station_of
from db.analytics.error_codes import ALWAYS_A_WARNING
from db.analytics.outcome import ENDED_STATUSES, SUCCESS_OVER_WH, VALID_STOP_REASONS
from db.analytics.scope import Scope
from db.instants import Later, Seconds
from db.models import (
    ChargingSession,
    ChargingStation,
    Command,
    ConnectorStatusInterval,
    OCPPConnector,
    OCPPStation,
)
from db.models.ocpp import TELLS_OF_TROUBLE
from db.models.sessions import counts

# Whoever tries again within this time has not given up: it is one visit.
SAME_VISIT = timedelta(minutes=30)
SAME_VISIT_ANONYMOUS = timedelta(minutes=2)
# A fault that begins so soon after a stop is taken to belong to it.
FAULTED_NEXT = timedelta(minutes=1)
# Why a start failed without a charge point having been asked: the backend was away, or somebody else was at
# the connector. The words are those of `ocpp_integration.errors` and `ocpp_integration.charging`.
NOT_ASKED = frozenset({"backend_down", "busy"})

_SECOND = timedelta(seconds=1)


def attempts(scope: Scope, start: datetime, end: datetime) -> CTE:
    """The attempts that ended from `start` until before `end` and those under way, each with its visit.

    Columns: `station`, `timezone`, `port`, `who`, `visit` (its number among those of `who` at the station),
    `is_first`, `start`, `stop` (the start while it is under way), `has_power`, `is_valid`, `is_over`,
    `session_pk` or `command_pk`. What begins with a verb is 0 or 1.
    """
    sessions = _sessions(scope, start, end)
    tried = sessions.union_all(refused(scope, start, end)).cte("tried").c
    until = func.max(tried.stop).over(
        partition_by=(tried.station, tried.who), order_by=_in_order(tried), rows=(None, -1)
    )
    begins = case((tried.start - until <= tried.patience, 0), else_=1)
    told = select(*tried, begins.label("is_first")).cte("told").c
    number = func.sum(told.is_first).over(
        partition_by=(told.station, told.who), order_by=_in_order(told), rows=(None, 0)
    )
    return select(*told, number.label("visit")).cte("attempts")


def _in_order(of: Any) -> tuple[ColumnElement[Any], ...]:
    """In time; of those at the same moment, refused starts come first, and then what has the lower id."""
    is_session = case((of.session_pk.is_not(None), 1), else_=0)
    return of.start, of.stop, is_session, func.coalesce(of.session_pk, of.command_pk)


def visits(found: CTE) -> CTE:
    """The visits that those attempts make: their `is_first_valid`, `is_any_valid`, `stop` and `is_over`."""
    of = found.c
    first = func.max(case((of.is_first == 1, of.is_valid), else_=0))
    return (
        select(
            of.station,
            of.timezone,
            of.who,
            of.visit,
            first.label("is_first_valid"),
            func.max(of.is_valid).label("is_any_valid"),
            func.max(of.stop).label("stop"),
            func.min(of.is_over).label("is_over"),
        )
        .group_by(of.station, of.timezone, of.who, of.visit)
        .cte("visits")
    )


def _sessions(scope: Scope, start: datetime, end: datetime) -> Select[*tuple[Any, ...]]:
    session = ChargingSession
    is_over = and_(session.status.in_(sorted(ENDED_STATUSES)), session.stop_time.is_not(None))
    is_valid = and_(
        is_over,
        session.energy_wh > SUCCESS_OVER_WH,
        func.coalesce(func.nullif(session.stop_reason, ""), "Local").in_(sorted(VALID_STOP_REASONS)),
        not_(is_faulted_next()),
    )
    begun = Seconds(session.start_time)
    query = select(
        session.ocpp_station_id.label("station"),
        ChargingStation.timezone,
        session.ocpp_connector_id.label("port"),
        *_who(session.user_id, session.id_tag, session.ocpp_connector_id, session.id),
        begun.label("start"),
        case((is_over, Seconds(session.stop_time)), else_=begun).label("stop"),
        case((session.energy_wh > 0, 1), (has_charged(), 1), else_=0).label("has_power"),
        case((is_valid, 1), else_=0).label("is_valid"),
        case((is_over, 1), else_=0).label("is_over"),
        session.id.label("session_pk"),
        cast(null(), BigInteger).label("command_pk"),
    )
    return (
        query.join(OCPPStation, station_of(scope) == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .where(
            station_of(scope).in_(scope.stations()),
            counts(),
            or_(and_(session.stop_time >= start, session.stop_time < end), session.stop_time.is_(None)),
        )
    )


def refused(scope: Scope, start: datetime, end: datetime) -> Select[*tuple[Any, ...]]:
    """Starts from afar that came to nothing and made no session. A moment each, when they were sent."""
    at = Seconds(Command.sent_at)
    no, yes = literal(0, Integer), literal(1, Integer)
    query = select(
        OCPPConnector.ocpp_station_id.label("station"),
        ChargingStation.timezone,
        OCPPConnector.id.label("port"),
        *_who(Command.user_id, null(), OCPPConnector.id, Command.id),
        at.label("start"),
        at.label("stop"),
        no.label("has_power"),
        no.label("is_valid"),
        yes.label("is_over"),
        cast(null(), BigInteger).label("session_pk"),
        Command.id.label("command_pk"),
    )
    made = exists().where(ChargingSession.transaction_id == Command.transaction_id)
    return (
        query.join(OCPPConnector, Command.ocpp_connector_id == OCPPConnector.id)
        .join(OCPPStation, OCPPConnector.ocpp_station_id == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .where(
            OCPPConnector.ocpp_station_id.in_(scope.stations()),
            Command.state == "failed",
            Command.kind == "start",
            Command.sent_at >= start,
            Command.sent_at < end,
            func.coalesce(Command.outcome["code"].as_string(), "").not_in(sorted(NOT_ASKED)),
            not_(made),
        )
    )


def _who(user_id: Any, id_tag: Any, port: Any, pk: Any) -> tuple[ColumnElement[str], ColumnElement[int]]:
    """Who tried, as a word, and how many seconds may lie between two attempts of one visit."""
    tag = func.nullif(cast(id_tag, String), "")
    who = case(
        (user_id.is_not(None), literal("user ") + cast(user_id, String)),
        (tag.is_not(None), literal("tag ") + func.upper(tag)),
        (port.is_not(None), literal("port ") + cast(port, String)),
        else_=literal("alone ") + cast(pk, String),
    )
    is_known = or_(user_id.is_not(None), tag.is_not(None))
    patience = case((is_known, SAME_VISIT // _SECOND), else_=SAME_VISIT_ANONYMOUS // _SECOND)
    return who.label("who"), patience.label("patience")


def has_charged() -> ColumnElement[bool]:
    """Whether the connector reported Charging while the session lasted."""
    told = aliased(ConnectorStatusInterval)
    return exists().where(
        told.ocpp_connector_id == ChargingSession.ocpp_connector_id,
        told.status == "charging",
        told.started_at >= ChargingSession.start_time,
        told.started_at < ChargingSession.stop_time,
    )


def is_faulted_next() -> ColumnElement[bool]:
    """Whether the connector is faulted at a session's stop or soon after: its newest fault by then lasts."""
    fault, stop = ConnectorStatusInterval, ChargingSession.stop_time
    soon = Later(stop, FAULTED_NEXT // _SECOND)
    lasts = (
        select(case((or_(fault.ended_at.is_(None), fault.ended_at > stop), 1), else_=0))
        .where(
            TELLS_OF_TROUBLE,
            fault.ocpp_connector_id == ChargingSession.ocpp_connector_id,
            fault.status == "faulted",
            fault.error_code.not_in(sorted(ALWAYS_A_WARNING)),
            fault.started_at <= soon,
        )
        .order_by(fault.started_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    return func.coalesce(lasts, 0) == 1
