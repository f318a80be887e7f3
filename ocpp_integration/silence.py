"""What silence means: a charge point that is gone, a session that nobody will end.

Both are told to the store as the events that a backend would have sent, so that what really comes later
corrects them the usual way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from db.analytics.outcome import ENDED_STATUSES
from db.engine import writing
from db.models import ChargingSession, OCPPLog, OCPPStation, WebhookEvent
from db.models.sessions import is_running
from db.statuses import PLUGGED_IN
from ocpp_integration.backend import BackendClient
from ocpp_integration.books import keeping
from ocpp_integration.errors import BackendRefused, BackendSilent
from ocpp_integration.events import Event, Time
from ocpp_integration.lifecycle import apply_event, enter
from ocpp_integration.session_state import STUCK, flag

_TIME: TypeAdapter[datetime | None] = TypeAdapter(Time | None)
_NO_SUCH_CALL = (404, 405, 501)
# A backend that told of a station's presence so often, within so many times the patience, tells regularly.
_REGULAR_REPORTS = 3
_REGULAR_WITHIN = 4
_APPLIED_WITHIN = timedelta(seconds=10)


@dataclass(frozen=True)
class Presence:
    """The backend's word on a charge point: whether it counts as there, and when it was last heard."""

    online: bool
    last_seen: datetime | None


@dataclass(frozen=True)
class Station:
    """A charge point as the store has it; `last_sign` is the newest that came from it."""

    pk: int
    station_id: str
    is_online: bool
    last_heartbeat: datetime | None
    last_sign: datetime | None


def known_stations(store: Session) -> list[Station]:
    """Every charge point with its newest sign of life."""
    measured = dict(
        store.execute(
            select(ChargingSession.ocpp_station_id, func.max(ChargingSession.power_at))
            .where(is_running())
            .group_by(ChargingSession.ocpp_station_id)
        ).all()
    )
    rows = store.scalars(select(OCPPStation).options(selectinload(OCPPStation.connectors)))
    return [_station(row, measured.get(row.id)) for row in rows]


def _station(row: OCPPStation, measured_at: datetime | None) -> Station:
    signs = [row.last_heartbeat, measured_at, *(connector.status_at for connector in row.connectors)]
    newest = max((at for at in signs if at is not None), default=None)
    return Station(row.id, row.station_id, row.is_online, row.last_heartbeat, newest)


def ask_presence(backend: BackendClient) -> dict[str, Presence] | None:
    """Who is there by the backend's own account; None where it keeps none. Raises `BackendError`."""
    try:
        told = backend.presence().get("stations")
    except BackendRefused as error:
        if error.status in _NO_SUCH_CALL:
            return None
        raise
    if not isinstance(told, dict):
        raise BackendSilent("The OCPP backend's answer names no stations.")
    try:
        return {name: _presence(one) for name, one in told.items()}
    except (ValidationError, KeyError, TypeError) as error:
        raise BackendSilent(f"The OCPP backend's answer cannot be used: {error}") from error


def _presence(told: Mapping[str, Any]) -> Presence:
    return Presence(bool(told["online"]), _TIME.validate_python(told.get("last_seen")))


def corrections(
    store: Session, told: Mapping[str, Presence] | None, now: datetime, offline_after: timedelta
) -> list[Event]:
    """The events by which the store comes to know who is there: nothing where it knows already."""
    stations = known_stations(store)
    silent = [
        s for s in stations if s.is_online and s.last_sign is not None and s.last_sign < now - offline_after
    ]
    if told is None:
        if not _hears(store, now, now - offline_after):
            return []
        return [_offline(s, s.last_sign) for s in silent if _reports_regularly(store, s, offline_after)]
    gone = [
        _offline(s, told[s.station_id].last_seen)
        for s in silent
        if s.station_id in told and not told[s.station_id].online
    ]
    return gone + [_online(s, told[s.station_id]) for s in stations if _is_back(s, told.get(s.station_id))]


def _is_back(station: Station, told: Presence | None) -> bool:
    """Whether it was heard after all that the store knows: it may be that nobody sent its return."""
    if told is None or not told.online or told.last_seen is None or station.is_online:
        return False
    return station.last_heartbeat is None or told.last_seen > station.last_heartbeat


def _hears(store: Session, now: datetime, since: datetime) -> bool:
    """Whether webhooks come in and are applied: else the silence may be ours, or the backend's."""
    newest = store.scalar(select(WebhookEvent.received_at).order_by(WebhookEvent.id.desc()).limit(1))
    left_over = select(WebhookEvent.id).where(
        WebhookEvent.state == "received", WebhookEvent.received_at < now - _APPLIED_WITHIN
    )
    return newest is not None and newest >= since and store.scalar(left_over.limit(1)) is None


def _reports_regularly(store: Session, station: Station, offline_after: timedelta) -> bool:
    """Whether this backend tells of heartbeats at all: one that only tells of changes has idle stations."""
    assert station.last_sign is not None  # noqa: S101 - narrows the type; the silent ones have one
    began = station.last_sign - _REGULAR_WITHIN * offline_after
    told = store.scalar(
        select(func.count())
        .select_from(OCPPLog)
        .where(
            OCPPLog.station_id == station.station_id,
            OCPPLog.timestamp >= began,
            OCPPLog.action == "station_status",
        )
    )
    return (told or 0) >= _REGULAR_REPORTS


def _offline(station: Station, last_seen: datetime | None) -> Event:
    seen = max(at for at in (station.last_sign, last_seen) if at is not None)
    return _presence_event(station, seen, is_online=False, status="unavailable")


def _online(station: Station, told: Presence) -> Event:
    assert told.last_seen is not None  # noqa: S101 - narrows the type, see `_is_back`
    return _presence_event(station, told.last_seen, is_online=True)


def _presence_event(station: Station, at: datetime, **data: Any) -> Event:
    told = {"last_heartbeat": at.isoformat(), **data}
    return Event(type="station_status", station_id=station.station_id, timestamp=at, data=told)


def correct(engine: Engine, event: Event, now: datetime) -> None:
    with writing(engine) as store:
        apply_event(store, event, now)


def stuck_sessions(store: Session, since: datetime) -> list[int]:
    """Transaction ids of running sessions of which nothing was measured or told since then, although
    their charge point is gone or their connector is not in use. A car that has finished charging may
    say nothing for days while it occupies its connector.
    """
    running = (
        select(ChargingSession)
        .where(is_running(), ChargingSession.transaction_id.is_not(None))
        .options(joinedload(ChargingSession.station), joinedload(ChargingSession.connector))
        .order_by(ChargingSession.start_time)
    )
    return [s.transaction_id for s in store.scalars(running) if s.transaction_id and _is_stuck(s, since)]


def _is_stuck(session: ChargingSession, since: datetime) -> bool:
    newest = max(filter(None, (session.start_time, session.power_at, session.reported_status_at)))
    return session.status not in ENDED_STATUSES and newest < since and not _occupies(session)


def _occupies(session: ChargingSession) -> bool:
    connector = session.connector
    return session.station.is_online and connector is not None and connector.status in PLUGGED_IN


def close_stuck(engine: Engine, transaction_id: int, since: datetime, now: datetime) -> bool:
    """End the session, estimated and flagged, when it was last heard of; False where it moved after all."""
    with writing(engine) as store, keeping(store) as books:
        session = books.session(transaction_id)
        if session is None:
            return False
        books.take(session)
        if not _is_stuck(session, since):
            return False
        last = session.power_at or session.reported_status_at or session.start_time
        data = {"stop_time": last.isoformat(), "stop_reason": "Other", "estimated": True}
        ended = Event(type="session_stopped", data=data, transaction_id=transaction_id, timestamp=now)
        enter(books, ended, now)
        flag(session, STUCK)
    return True
