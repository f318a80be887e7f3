"""Asking the backend about a session. What it says goes the way of a webhook."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from db.analytics.outcome import ENDED_STATUSES
from db.engine import reading, writing
from db.models import ChargingSession
from ocpp_integration.backend import BackendClient
from ocpp_integration.errors import BackendRefused, BackendSilent, NotFound
from ocpp_integration.events import Event, Time
from ocpp_integration.lifecycle import apply_event

_TOLD_AT_START = ("meter_start", "start_time", "id_tag", "connector_id", "clock_ahead")
_TOLD_IN_PROGRESS = (
    "energy_consumed_kwh",
    "current_power_kw",
    "duration_seconds",
    "estimated_cost",
    "soc_percent",
    "connector_id",
)
_TOLD_AT_STOP = (
    "meter_stop",
    "stop_reason",
    "energy_consumed_kwh",
    "stop_time",
    "final_cost",
    "estimated",
    "meter_reset",
    "clock_ahead",
    "connector_id",
)
_TIME: TypeAdapter[datetime] = TypeAdapter(Time)


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
    """Ask for one session and store the answer; returns the session and the backend's `session_data`.

    A session that the backend has forgotten ends, estimated, with what was last known: nobody else will
    ever tell of its end. `BackendRefused` is raised all the same.
    """
    with reading(engine) as store:
        session = _find(store, transaction_id)
        station_id = session.station.station_id
    try:
        answer = backend.session(transaction_id).get("session_data")
    except BackendRefused as error:
        if (error.status, error.backend_code) == (404, "transaction_not_found"):
            _end_forgotten(engine, transaction_id, now)
        raise
    if not isinstance(answer, dict):
        raise BackendSilent("The OCPP backend's answer has no session data.")
    try:
        events = as_events(answer, station_id, transaction_id, session.start_time, now)
        for event in events:
            event.payload()
    except (ValueError, TypeError, ArithmeticError) as error:
        raise BackendSilent(f"The OCPP backend's answer cannot be used: {error}") from error
    with writing(engine) as store:
        for event in events:
            apply_event(store, event, now)
        _find(store, transaction_id).heard_at = now
    with reading(engine) as store:
        return _find(store, transaction_id), answer


def _end_forgotten(engine: Engine, transaction_id: int, now: datetime) -> None:
    with writing(engine) as store:
        session = _find(store, transaction_id)
        if session.status in ENDED_STATUSES:
            return
        stop_time = session.power_at or session.start_time
        data = {"stop_time": stop_time.isoformat(), "stop_reason": "Other", "estimated": True}
        apply_event(
            store, Event(type="session_stopped", data=data, transaction_id=transaction_id, timestamp=now), now
        )


def as_events(
    answer: Mapping[str, Any], station_id: str, transaction_id: int, start: datetime, now: datetime
) -> list[Event]:
    """The webhooks that would have said the same. Raises `ValueError`, `TypeError` or `OverflowError`.

    `start` is taken where the answer has none. What was measured is dated by the charge point's clock:
    were it dated by ours, webhooks of a clock that is behind would be taken for old news.
    """
    status = str(answer.get("status", "")).lower()
    about: dict[str, Any] = {"station_id": station_id, "transaction_id": transaction_id}
    newest = _newest_time(answer, start, now)
    events = []
    if answer.get("meter_start") is not None and answer.get("start_time"):
        told = _told(answer, _TOLD_AT_START)
        events.append(Event(type="session_started", data=told, timestamp=now, **about))
    if status in ("charging", "suspended"):
        told = _told(answer, _TOLD_IN_PROGRESS)
        events.append(Event(type="session_progress", data=told, timestamp=newest, **about))
    if status == "stopped":
        told = {"stop_time": newest.isoformat()} | _told(answer, _TOLD_AT_STOP)
        events.append(Event(type="session_stopped", data=told, timestamp=now, **about))
    return events


def _told(answer: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: answer[name] for name in names if answer.get(name) is not None}


def _newest_time(answer: Mapping[str, Any], start: datetime, now: datetime) -> datetime:
    """Until when the answer tells: its duration after the start."""
    if answer.get("duration_seconds") is None:
        return now
    if told := answer.get("start_time"):
        start = _TIME.validate_python(told)
    return min(start + timedelta(seconds=int(answer["duration_seconds"])), now)


def _find(store: Session, transaction_id: int) -> ChargingSession:
    session = store.scalar(select(ChargingSession).where(ChargingSession.transaction_id == transaction_id))
    if session is None:
        raise NotFound(f"There is no session {transaction_id}.")
    return session
