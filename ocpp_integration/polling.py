"""Asking the backend about a session. What it says goes the way of a webhook."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from db.analytics.outcome import ENDED_STATUSES
from db.engine import reading, writing
from db.models import ChargingSession
from ocpp_integration.backend import BackendClient
from ocpp_integration.errors import BackendSilent, NotFound
from ocpp_integration.events import Event, InvalidEvent
from ocpp_integration.lifecycle import apply_event

_TOLD_IN_PROGRESS = ("energy_consumed_kwh", "current_power_kw", "duration_seconds", "estimated_cost")
_TOLD_AT_STOP = ("meter_stop", "stop_reason", "energy_consumed_kwh", "stop_time", "estimated")


def silent_sessions(store: Session, silent_since: datetime, limit: int) -> list[int]:
    """Transaction ids of running sessions from which nothing came since then, longest silent first."""
    query = (
        select(ChargingSession.transaction_id)
        .where(
            ChargingSession.status.not_in(ENDED_STATUSES),
            ChargingSession.transaction_id.is_not(None),
            ChargingSession.heard_at < silent_since,
        )
        .order_by(ChargingSession.heard_at)
        .limit(limit)
    )
    return [transaction_id for transaction_id in store.scalars(query) if transaction_id is not None]


def refresh(
    engine: Engine, backend: BackendClient, transaction_id: int, *, now: datetime
) -> tuple[ChargingSession, dict[str, Any]]:
    """Ask for one session and store the answer; returns the session and the backend's `session_data`."""
    with reading(engine) as store:
        session = _find(store, transaction_id)
        station_id = session.station.station_id
    answer = backend.session(transaction_id).get("session_data")
    if not isinstance(answer, dict):
        raise BackendSilent("The OCPP backend's answer has no session data.")
    try:
        events = as_events(answer, station_id, transaction_id, session.start_time, now)
        with writing(engine) as store:
            for event in events:
                apply_event(store, event, now)
            _find(store, transaction_id).heard_at = now
    except (ValidationError, InvalidEvent) as error:
        raise BackendSilent(f"The OCPP backend's answer cannot be used: {error}") from error
    with reading(engine) as store:
        return _find(store, transaction_id), answer


def as_events(
    answer: Mapping[str, Any], station_id: str, transaction_id: int, start: datetime, now: datetime
) -> list[Event]:
    """The webhooks that would have said the same. Raises pydantic's `ValidationError`."""
    status = str(answer.get("status", "")).lower()
    about: dict[str, Any] = {"station_id": station_id, "transaction_id": transaction_id}
    events = []
    if answer.get("meter_start") is not None and answer.get("start_time"):
        started = {"meter_start": answer["meter_start"], "start_time": answer["start_time"]}
        events.append(Event(type="session_started", data=started, timestamp=now, **about))
    if status in ("charging", "suspended"):
        told = {name: answer[name] for name in _TOLD_IN_PROGRESS if answer.get(name) is not None}
        events.append(Event(type="session_progress", data=told, timestamp=now, **about))
    if status == "stopped":
        told = {name: answer[name] for name in _TOLD_AT_STOP if answer.get(name) is not None}
        stop = start + timedelta(seconds=int(answer.get("duration_seconds") or 0))
        told.setdefault("stop_time", min(stop, now).isoformat())
        events.append(Event(type="session_stopped", data=told, timestamp=now, **about))
    return events


def _find(store: Session, transaction_id: int) -> ChargingSession:
    session = store.scalar(select(ChargingSession).where(ChargingSession.transaction_id == transaction_id))
    if session is None:
        raise NotFound(f"There is no session {transaction_id}.")
    return session
