"""Applying recorded webhooks: in order per station, each exactly once, many in one commit.

Any number of workers may do so at once. A worker holds the stations whose events it applies until it
commits, and leaves out those that another one holds.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, and_, or_, select, update
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from db.engine import reading, writing
from db.models import ChargingSession, OCPPStation, WebhookEvent
from db.retries import repeated
from ocpp_integration.books import Books, keeping
from ocpp_integration.claims import claim, first_of, lanes_of, slices
from ocpp_integration.events import Event, InvalidEvent, parse
from ocpp_integration.lifecycle import STATUS_TYPES, StationUnknown, enter

log = logging.getLogger(__name__)

# id, event_key, type, station_id, transaction_id, received_at, body
_Recorded = Row[int, str, str, str | None, int | None, datetime, bytes]


@dataclass(frozen=True)
class Applied:
    """How many events of a batch changed the store, and how many cannot."""

    taken: int
    dead: int


@dataclass(frozen=True)
class _Mark:
    """What became of an event."""

    event_pk: int
    state: str
    error: str | None = None


def apply_batch(engine: Engine, *, now: datetime, limit: int = 500) -> Applied:
    """Apply the oldest recorded events of stations that no other worker holds, in one transaction.

    An event of an unknown station is set aside as waiting, one that cannot be applied is kept as dead
    with its reason; neither holds up the others. A fault of the store itself raises, and all of the
    batch stays as it was.
    """
    return repeated(lambda: _apply_batch(engine, now, limit))


def _apply_batch(engine: Engine, now: datetime, limit: int) -> Applied:
    parsed = _parse_ahead(engine, limit)
    with writing(engine) as store:
        books = Books(store)
        events = _read(store, claim(books, limit))
        if not events:
            return Applied(0, 0)
        try:
            with store.begin_nested(), store.no_autoflush:
                marks = _together(books, events, parsed, now)
        except Exception as error:
            if not _is_an_events_fault(error):
                raise
            log.info("%d webhooks are applied one by one, for one of them fails: %r", len(events), error)
            marks = _one_by_one(store, events, now)
        return Applied(len(events), sum(mark.state == "dead" for mark in marks))


def _parse_ahead(engine: Engine, limit: int) -> dict[int, Event]:
    """On SQLite the receiver waits while we write, so what can be done before is done before."""
    if engine.dialect.name != "sqlite":
        return {}
    with reading(engine) as store:
        lanes = lanes_of(store, limit)
        first = next(slices(lanes, limit), [])
        events = _read(store, first_of(lanes, first, limit))
    parsed: dict[int, Event] = {}
    for event in events:
        # One that fails does so again where its end is written down.
        with contextlib.suppress(InvalidEvent):
            parsed[event.id] = parse(event.body)
    return parsed


def release_waiting(engine: Engine, *, now: datetime) -> int:
    """Take up again what waited for a station or a session that has appeared since; returns how many."""
    stations = select(OCPPStation.station_id)
    sessions = select(ChargingSession.transaction_id).where(
        ChargingSession.transaction_id == WebhookEvent.transaction_id
    )
    appeared = or_(
        WebhookEvent.station_id.in_(stations),
        and_(WebhookEvent.station_id.is_(None), sessions.exists()),
    )
    with writing(engine) as store:
        result = store.connection().execute(
            update(WebhookEvent)
            .where(WebhookEvent.state == "waiting", appeared)
            .values(state="received", error=None, released_at=now)
        )
        return result.rowcount


def _read(store: Session, event_pks: Sequence[int]) -> Sequence[_Recorded]:
    """Those of the events that nobody applied since we looked, in their order."""
    query = (
        select(
            WebhookEvent.id,
            WebhookEvent.event_key,
            WebhookEvent.type,
            WebhookEvent.station_id,
            WebhookEvent.transaction_id,
            WebhookEvent.received_at,
            WebhookEvent.body,
        )
        .where(WebhookEvent.id.in_(event_pks), WebhookEvent.state == "received")
        .order_by(WebhookEvent.id)
        # An event without a station has no station to be held.
        .with_for_update(skip_locked=True)
    )
    return store.connection().execute(query).all() if event_pks else []


def _together(
    books: Books, events: Sequence[_Recorded], parsed: Mapping[int, Event], now: datetime
) -> list[_Mark]:
    books.fetch(
        {event.transaction_id for event in events if event.transaction_id is not None},
        {event.station_id for event in events if event.station_id and event.type in STATUS_TYPES},
    )
    marks = [_enter(books, event, parsed.get(event.id)) for event in events]
    _write_marks(books.store, marks, now)
    books.close()
    return marks


def _one_by_one(store: Session, events: Sequence[_Recorded], now: datetime) -> list[_Mark]:
    """Each within a savepoint, so that one that fails undoes only itself."""
    marks = []
    for event in events:
        try:
            with store.begin_nested(), keeping(store) as books:
                mark = _enter(books, event)
        except Exception as error:
            if not _is_an_events_fault(error):
                raise
            mark = _bury(event, error)
        marks.append(mark)
    _write_marks(store, marks, now)
    return marks


def _enter(books: Books, event: _Recorded, parsed: Event | None = None) -> _Mark:
    try:
        known_type = enter(books, parsed or parse(event.body), event.received_at)
    except StationUnknown as reason:
        return _Mark(event.id, "waiting", str(reason))
    except InvalidEvent as error:
        return _bury(event, error)
    return _Mark(event.id, "applied" if known_type else "ignored")


def _is_an_events_fault(error: Exception) -> bool:
    """Whether the next event may fare better: not where the store itself fails."""
    if not isinstance(error, DBAPIError):
        return True
    return isinstance(error, IntegrityError | DataError) and not error.connection_invalidated


def _bury(event: _Recorded, error: Exception) -> _Mark:
    log.error("webhook %s (%s) cannot be applied", event.event_key, event.type, exc_info=error)
    return _Mark(event.id, "dead", f"{type(error).__name__}: {error}"[:2000])


def _write_marks(store: Session, marks: Sequence[_Mark], now: datetime) -> None:
    alike: dict[tuple[str, str | None], list[int]] = {}
    for mark in marks:
        alike.setdefault((mark.state, mark.error), []).append(mark.event_pk)
    for (state, error), event_pks in alike.items():
        told: dict[str, Any] = {"state": state, "error": error}
        if error is None:
            told["applied_at"] = now
        store.connection().execute(update(WebhookEvent).where(WebhookEvent.id.in_(event_pks)).values(told))
