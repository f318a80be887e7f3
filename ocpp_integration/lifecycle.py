"""What an event does to the store: a table names the handler of each type.

The caller holds the transaction, so that an event's effects and its mark are one commit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from db.models import ChargingSession, OCPPConnector, OCPPStation, WebhookEvent
from ocpp_integration import session_state
from ocpp_integration.books import Books, keeping
from ocpp_integration.events import (
    AvailabilityChanged,
    ConnectorStatusChanged,
    Event,
    InvalidEvent,
    SessionProgress,
    SessionStarted,
    SessionStopped,
    StationStatusChanged,
    parse,
)
from ocpp_integration.status_history import ONE_MOMENT
from ocpp_integration.tariffs import Tariffs

MAX_CLOCK_AHEAD = timedelta(minutes=5)


class StationUnknown(Exception):
    """The event belongs to a station that is not in the store yet: it can wait until it is."""


# What one event or its session may be at fault for; the next one may fare better.
EVENT_FAULTS = (InvalidEvent, StationUnknown, IntegrityError, DataError)


@dataclass(frozen=True)
class Report:
    """An event with the moment it came in."""

    event: Event
    received_at: datetime

    def time(self, told: datetime | None = None) -> datetime:
        """`told`, else the event's own time; the arrival where that is missing or too far ahead."""
        time = told or self.event.timestamp
        return self.received_at if time is None or self.is_ahead(time) else time

    def is_ahead(self, time: datetime | None) -> bool:
        return time is not None and time > self.received_at + MAX_CLOCK_AHEAD


def apply_event(store: Session, event: Event, received_at: datetime) -> bool:
    """Let one event change the store; what `enter` says holds here too."""
    with keeping(store) as books:
        return enter(books, event, received_at)


def enter(books: Books, event: Event, received_at: datetime) -> bool:
    """Let `event` change what is in the books; False for a type that we do not know.

    Raises `StationUnknown`, and `InvalidEvent` where the data are not what the type needs; then nothing
    has changed.
    """
    payload = event.payload()
    if payload is None:
        return False
    HANDLERS[event.type](books, Report(event, received_at), payload)
    if event.type not in _UNLOGGED:
        books.log_rows.append(_log_row(event, payload) | {"timestamp": books.now})
    return True


def ensure_session(
    store: Session, station: OCPPStation, transaction_id: int, at: datetime
) -> ChargingSession:
    """The session of `transaction_id`, made (pending, from `at`) where nothing was heard of it before.

    Raises `InvalidEvent` where the transaction is another station's.
    """
    books = Books(store)
    books.hold([station.station_id])
    session = books.open_session(station, transaction_id, at)
    _check_station(session, station.station_id)
    return session


def assign_connector(
    store: Session, session: ChargingSession, number: int, tariffs: Tariffs | None = None
) -> None:
    """Tie a session to its connector and to the tariff that holds there; both stay with it for good."""
    if session.ocpp_connector_id is not None:
        return
    session.connector = find_connector(store, session.station, number)
    _freeze_tariff(session, tariffs or Tariffs(store))


def _freeze_tariff(session: ChargingSession, tariffs: Tariffs) -> None:
    """The tariff of the session's start. What the platform asks is known of now only: it is taken once."""
    described = session.connector.charging_connector if session.connector else None
    if described is None:
        return
    if assigned := tariffs.assigned(described, session.start_time):
        session.tariff = assigned
    elif session.tariff is None or session.tariff.code is not None:
        session.tariff = described.tariff


def find_connector(store: Session, station: OCPPStation, number: int) -> OCPPConnector:
    """The station's connector, made where the charge point has one that the platform does not list."""
    for connector in station.connectors:
        if connector.connector_id == number:
            return connector
    connector = OCPPConnector(station=station, connector_id=number)
    store.add(connector)
    store.flush()
    return connector


def update_session(
    store: Session, session: ChargingSession, change: Callable[[ChargingSession], None]
) -> None:
    """Let `change` report to the session; what follows from it, statistics included, changes with it."""
    store.flush()
    with keeping(store) as books:
        books.take(session)
        books.begin_change(session)
        change(session)


def _session_started(books: Books, report: Report, data: SessionStarted) -> None:
    at = report.time(data.start_time)
    ahead = bool(data.clock_ahead) or report.is_ahead(data.start_time)
    _report_to_session(books, report, data, at, lambda s: session_state.started(s, data, at), ahead=ahead)


def _session_progress(books: Books, report: Report, data: SessionProgress) -> None:
    at = report.time()
    ahead = any(report.is_ahead(value.timestamp) for value in data.meter_values)
    session = _report_to_session(
        books, report, data, at, lambda s: session_state.progressed(s, data, at), ahead=ahead
    )
    books.meter_values.extend(
        {
            **vars(value),
            "session_id": session.id,
            "timestamp": report.time(value.timestamp),
            "created_at": books.now,
        }
        for value in data.meter_values
    )


def _session_stopped(books: Books, report: Report, data: SessionStopped) -> None:
    at = report.time(data.stop_time)
    ahead = bool(data.clock_ahead) or report.is_ahead(data.stop_time)
    _report_to_session(books, report, data, at, lambda s: session_state.stopped(s, data, at), ahead=ahead)


def _report_to_session(
    books: Books,
    report: Report,
    data: SessionStarted | SessionProgress | SessionStopped,
    at: datetime,
    change: Callable[[ChargingSession], None],
    *,
    ahead: bool,
) -> ChargingSession:
    session = _session_of(books, report, at)
    books.begin_change(session)
    if data.connector_id:
        assign_connector(books.store, session, data.connector_id, books.tariffs)
    if ahead or report.is_ahead(report.event.timestamp):
        session_state.flag(session, "clock_ahead")
    session.heard_at = max(session.heard_at, report.received_at)
    start = session.start_time
    change(session)
    if session.start_time != start:
        _freeze_tariff(session, books.tariffs)
    return session


def _session_of(books: Books, report: Report, at: datetime) -> ChargingSession:
    transaction_id, station_id = report.event.transaction_id, report.event.station_id
    if transaction_id is None:
        raise InvalidEvent({"transaction_id": ["a session's event needs one"]})
    # First the station, and then what it guards.
    station = None if station_id is None else books.station(station_id)
    session = books.session(transaction_id)
    if session is None:
        session = books.open_session(station or _station_of(books, report), transaction_id, at)
    if station_id is None:
        books.take(session)
    else:
        _check_station(session, station_id)
    return session


def _check_station(session: ChargingSession, station_id: str) -> None:
    """Transaction ids belong to their station; a backend that counts anew must not write over old rows."""
    if session.station.station_id != station_id:
        owner = session.station.station_id
        raise InvalidEvent({"transaction_id": [f"{session.transaction_id} is a transaction of {owner}"]})


def _station_of(books: Books, report: Report) -> OCPPStation:
    name = report.event.station_id or ""
    station = books.station(name)
    if station is None:
        raise StationUnknown(f"no station is called {name!r}")
    return station


def _station_status(books: Books, report: Report, data: StationStatusChanged) -> None:
    station, at = _station_of(books, report), report.time()
    _note_presence(books, station, report, data)
    if not _is_newest(station, at):
        return
    for name in ("vendor", "model", "firmware_version"):
        if value := getattr(data, name):
            setattr(station, name, value)
    _take_status(station, data.status, at)


def _is_newest(station: OCPPStation, at: datetime) -> bool:
    """Whether no report of the station as a whole is newer than one of that time."""
    return station.status_at is None or at >= station.status_at


def _take_status(station: OCPPStation, told: str | None, at: datetime) -> None:
    """Its status by its newest report, unless a connector spoke after that."""
    station.status_at = at
    if told is None or _connectors_know_better(station):
        station.status = _status_of_connectors(station)
    else:
        station.status = told


def _note_presence(books: Books, station: OCPPStation, report: Report, data: StationStatusChanged) -> None:
    """Whether the charge point is there, dated by its last sign of life where that is told: by the
    backend's clock, which unlike the charge points' own is the same for all reports.
    """
    if data.last_heartbeat is None:
        heard, newest = report.time(), station.status_at
    else:
        heard, newest = report.time(data.last_heartbeat), station.last_heartbeat
        station.last_heartbeat = max(newest or heard, heard)
    if data.is_online is None:
        return
    if newest is not None and heard < newest - ONE_MOMENT:
        if not data.is_online:
            until = _heard_again(books, station, heard + ONE_MOMENT) or newest
            books.history.was_offline(station, heard, min(until, newest))
        return
    if data.is_online == station.is_online:
        return
    station.is_online = data.is_online
    (books.history.came_online if data.is_online else books.history.went_offline)(station, heard)


def _heard_again(books: Books, station: OCPPStation, after: datetime) -> datetime | None:
    """The first sign of life after that time of which a report is kept, be it applied yet or not."""
    reports = books.store.execute(
        select(WebhookEvent.body, WebhookEvent.received_at).where(
            WebhookEvent.station_id == station.station_id,
            WebhookEvent.type == "station_status",
            WebhookEvent.received_at > after - MAX_CLOCK_AHEAD,
            WebhookEvent.state.in_(("received", "applied")),
        ),
        # A silence may be told weeks late.
        execution_options={"yield_per": 1_000},
    )
    signs = (_sign_of_life(body, received_at) for body, received_at in reports)
    return min((heard for heard in signs if heard is not None and heard > after), default=None)


def _sign_of_life(body: bytes, received_at: datetime) -> datetime | None:
    """When its charge point was heard, by this report of a station."""
    try:
        report = Report(parse(body), received_at)
        data = report.event.payload()
    except InvalidEvent:
        # Not applied yet, and never will be: what becomes of it is told where it is applied.
        return None
    if not isinstance(data, StationStatusChanged):
        return None
    if data.last_heartbeat is not None:
        return report.time(data.last_heartbeat)
    return report.time() if data.is_online else None


def _connector_status(
    books: Books, report: Report, data: ConnectorStatusChanged | AvailabilityChanged
) -> None:
    station, at = _station_of(books, report), report.time()
    if data.connector_id == 0:
        # Connector 0 is the charge point itself and says nothing of its connectors (OCPP 1.6, 4.9).
        if data.status in ("available", "unavailable", "faulted") and _is_newest(station, at):
            _take_status(station, data.status, at)
        return
    connector = find_connector(books.store, station, data.connector_id)
    if isinstance(data, ConnectorStatusChanged):
        error = "" if data.error_code == "NoError" else data.error_code or ""
        books.history.record(connector, data.status, at, error, data.vendor_error_code or "")
        if connector.status_at == at:
            connector.info, connector.vendor_id = data.info or "", data.vendor_id or ""
    else:
        books.history.record(connector, data.status, at)
    if station.status_at is None or _connectors_know_better(station):
        station.status = _status_of_connectors(station)


def _connectors_know_better(station: OCPPStation) -> bool:
    """Whether a connector spoke after the newest report of the station as a whole."""
    newest = max((c.status_at for c in station.connectors if c.status_at is not None), default=None)
    return newest is not None and (station.status_at is None or newest > station.status_at)


def _status_of_connectors(station: OCPPStation) -> str:
    statuses = {connector.status for connector in station.connectors}
    if not station.is_online:
        return "unavailable"
    if "available" in statuses:
        return "available"
    if statuses - {"unavailable", "faulted"}:
        return "occupied"
    return "faulted" if "faulted" in statuses else "unavailable"


def _log_row(event: Event, payload: Any) -> dict[str, Any]:
    is_trouble = getattr(payload, "status", "") == "faulted" or getattr(payload, "is_online", True) is False
    told = (f"{name}={event.data[name]}" for name in _TOLD if event.data.get(name) not in (None, ""))
    return {
        "station_id": event.station_id,
        "session_transaction_id": event.transaction_id,
        "level": "warning" if is_trouble else "info",
        "message_type": "call",
        "action": event.type,
        "message": " ".join((event.type, *told)),
        "raw_data": event.data,
    }


_TOLD = ("connector_id", "status", "is_online", "error_code", "vendor_error_code", "stop_reason")
# Its meter values are rows already; a log line for each would double the store.
_UNLOGGED = {"session_progress"}

HANDLERS: dict[str, Callable[[Books, Report, Any], None]] = {
    "session_started": _session_started,
    "session_progress": _session_progress,
    "session_stopped": _session_stopped,
    "availability_changed": _connector_status,
    "station_status": _station_status,
    "connector_status": _connector_status,
}
STATUS_TYPES = {"availability_changed", "station_status", "connector_status"}
