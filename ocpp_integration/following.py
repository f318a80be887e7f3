"""How far commands have come: what the store tells of each since it was sent, and the steps made of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from db.analytics.meter_values import times_of
from db.analytics.scope import Scope
from db.models import (
    ChargingSession,
    Command,
    ConnectorStatusInterval,
    OCPPConnector,
    OCPPLog,
    SessionMeterValue,
    utc_now,
)
from db.models.sessions import is_running
from db.statuses import PLUGGED_IN
from ocpp_integration.commands import STATES, session_of
from ocpp_integration.steps import ABANDONED_AFTER, GRACE, RESTART_WITHIN, Progress, Seen, progress

_IN_SERVICE = {"available", "reserved", *PLUGGED_IN}
_OUT_OF_SERVICE = {"unavailable"}
# What a charge point may report of one connector around a command; more than that is not looked through.
_MOST_STATUSES = 50
_MOST_REPORTS = 200
# Only a boot tells who made the charge point; whatever else says that it is there does not.
_TOLD_AT_BOOT = ("vendor", "model", "firmware_version")
_AROUND = timedelta(hours=1)
# The backend dates what it heard by its own clock. Charge points' clocks differ from ours, and by less than
# this from the backend's after each heartbeat.
CLOCKS_DIFFER = timedelta(seconds=30)
RESETS = ("reset_soft", "reset_hard")
SWITCHES = ("make_available", "make_unavailable")


@dataclass(frozen=True)
class Followed:
    """A command with its steps, where it was given, and by whom (None where that is not known)."""

    pk: int
    kind: str
    sent_at: datetime
    by: str | None
    station_name: str
    number: int
    timezone: str
    progress: Progress


def find(
    store: Session, scope: Scope, command_pk: int, *, start_within: timedelta, now: datetime | None = None
) -> Followed | None:
    """How far a command of this scope has come, None where there is no such command."""
    command = store.scalar(
        select(Command)
        .join(OCPPConnector)
        .where(Command.id == command_pk, OCPPConnector.ocpp_station_id.in_(scope.stations()))
    )
    return None if command is None else _followed(store, command, start_within, now or utc_now())


def of_session(
    store: Session, scope: Scope, session_pk: int, *, start_within: timedelta, now: datetime | None = None
) -> list[Followed]:
    """The starts and stops of one session of the scope, the oldest first."""
    session = store.scalar(
        select(ChargingSession).where(
            ChargingSession.id == session_pk, ChargingSession.ocpp_station_id.in_(scope.stations())
        )
    )
    if session is None or session.transaction_id is None or session.ocpp_connector_id is None:
        return []
    commands = store.scalars(
        select(Command)
        .where(
            Command.transaction_id == session.transaction_id,
            Command.ocpp_connector_id == session.ocpp_connector_id,
            # The index of states and times spares a look at all commands that ever were.
            Command.state.in_(STATES),
            Command.sent_at >= min(session.created_at, session.start_time) - _AROUND,
            *([Command.sent_at <= session.stop_time + _AROUND] if session.stop_time else []),
        )
        .order_by(Command.sent_at, Command.id)
    )
    return [_followed(store, command, start_within, now or utc_now()) for command in commands.all()]


def recent(
    store: Session, scope: Scope, since: datetime, *, limit: int, start_within: timedelta, now: datetime
) -> list[Followed]:
    """The commands given in the scope since then, the newest first."""
    commands = store.scalars(
        select(Command)
        .join(OCPPConnector)
        .where(
            Command.state.in_(STATES),
            Command.sent_at >= since,
            OCPPConnector.ocpp_station_id.in_(scope.stations()),
        )
        .order_by(Command.id.desc())
        .limit(limit)
    )
    return [_followed(store, command, start_within, now) for command in commands.all()]


def _followed(store: Session, command: Command, start_within: timedelta, now: datetime) -> Followed:
    place = command.connector.station.charging_station
    return Followed(
        pk=command.id,
        kind=command.kind,
        sent_at=command.sent_at,
        by=command.user.user_name if command.user else None,
        station_name=place.name,
        number=command.connector.connector_id,
        timezone=place.timezone,
        progress=progress(command, seen_of(store, command, start_within), now, start_within),
    )


def seen_of(store: Session, command: Command, start_within: timedelta) -> Seen:
    """What happened since the command was sent, as far as it bears on it."""
    if command.kind in RESETS:
        return _after_reset(store, command)
    if command.kind in SWITCHES:
        return _after_switch(store, command)
    session = session_of(store, command)
    if command.kind != "start":
        return Seen(session)
    return Seen(
        session,
        plugged_at=_since(
            store, command, command.sent_at + ABANDONED_AFTER + start_within + GRACE, PLUGGED_IN
        ),
        energy_at=None if session is None else _first_energy(store, session),
    )


def _after_reset(store: Session, command: Command) -> Seen:
    station = command.connector.station
    is_charging, freed_at = _charging(store, command, ChargingSession.ocpp_station_id == station.id)
    # Logged when it was applied here, which is never before it happened.
    reports = store.scalars(
        select(OCPPLog)
        .where(
            OCPPLog.station_id == station.station_id,
            OCPPLog.timestamp >= command.sent_at,
            OCPPLog.action == "station_status",
        )
        .order_by(OCPPLog.timestamp, OCPPLog.id)
        .limit(_MOST_REPORTS)
    )
    until = (freed_at or command.sent_at) + 2 * RESTART_WITHIN + ABANDONED_AFTER
    return Seen(
        back_at=_back_at(reports, command.sent_at - CLOCKS_DIFFER, until),
        is_online=station.is_online,
        is_charging=is_charging,
        freed_at=freed_at,
    )


def _back_at(reports: Iterable[OCPPLog], since: datetime, until: datetime) -> datetime | None:
    """When it introduced itself anew, or was there again after it had been away."""
    was_away = False
    for report in reports:
        told = report.raw_data
        if told.get("is_online") is False:
            was_away = True
        elif was_away or any(told.get(name) for name in _TOLD_AT_BOOT):
            at = _heard_at(report)
            if since <= at <= until:
                return at
    return None


def _heard_at(report: OCPPLog) -> datetime:
    try:
        told = datetime.fromisoformat(str(report.raw_data.get("last_heartbeat")))
    except ValueError:
        return report.timestamp
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def _after_switch(store: Session, command: Command) -> Seen:
    here = ChargingSession.ocpp_connector_id == command.ocpp_connector_id
    is_charging, freed_at = _charging(store, command, here)
    wanted = _OUT_OF_SERVICE if command.kind == "make_unavailable" else _IN_SERVICE
    until = (freed_at or command.sent_at) + 2 * RESTART_WITHIN
    return Seen(switched_at=_since(store, command, until, wanted), is_charging=is_charging, freed_at=freed_at)


def _charging(store: Session, command: Command, where: ColumnElement[bool]) -> tuple[bool, datetime | None]:
    """Whether a session runs there, and when the last one ended of those that ran after the command."""
    running = select(ChargingSession.id).where(where, is_running())
    is_charging = store.scalar(running.limit(1)) is not None
    ended = select(func.max(ChargingSession.stop_time)).where(
        where,
        ChargingSession.stop_time >= command.sent_at,
        ChargingSession.start_time <= command.sent_at,
    )
    return is_charging, store.scalar(ended)


def _since(store: Session, command: Command, until: datetime, wanted: Collection[str]) -> datetime | None:
    """Since when the connector was `wanted`, after the command was sent and before `until`."""
    intervals = store.scalars(
        select(ConnectorStatusInterval)
        .where(
            ConnectorStatusInterval.ocpp_connector_id == command.ocpp_connector_id,
            ConnectorStatusInterval.started_at <= until,
        )
        .order_by(ConnectorStatusInterval.started_at.desc())
        .limit(_MOST_STATUSES)
    )
    found = [
        interval.started_at
        for interval in intervals
        if interval.status in wanted and (interval.ended_at is None or interval.ended_at > command.sent_at)
    ]
    return min(found, default=None)


def _first_energy(store: Session, session: ChargingSession) -> datetime | None:
    """When the register first stood higher than at the start; None where no value tells."""
    register, start_wh = SessionMeterValue.value, Decimal(session.meter_start or 0)
    is_kwh = func.coalesce(SessionMeterValue.unit, "Wh") == "kWh"
    return store.scalar(
        select(func.min(SessionMeterValue.timestamp)).where(
            SessionMeterValue.session_id == session.id,
            SessionMeterValue.measurand == "energy_active_import_register",
            SessionMeterValue.phase.is_(None),
            or_(and_(is_kwh, register > start_wh / 1000), and_(~is_kwh, register > start_wh)),
            *times_of(session.start_time, session.stop_time),
        )
    )
