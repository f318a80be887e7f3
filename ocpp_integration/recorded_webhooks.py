"""Recorded webhooks: which there are, what became of each, and another try at one that is held.

Held are those that wait, which are tried again by themselves once their station is known, and those that are
dead, which are tried again only where somebody asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from db import audit
from db.models import ChargingSession, ChargingStation, OCPPStation, User, WebhookEvent, utc_now
from db.searching import count_up_to, sought
from ocpp_integration.errors import IntegrationError, NotFound
from ocpp_integration.events import Event, InvalidEvent, parse

HELD = ("dead", "waiting")
_LARGEST_NUMBER = 2**63 - 1


class CannotRetry(IntegrationError):
    """Another try would end as the first one did."""

    code = "cannot_retry"


@dataclass(frozen=True)
class RecordedWebhook:
    """An event without its body; its states are those of `WebhookEvent`."""

    id: int
    event_key: str
    state: str
    type: str
    station_id: str | None
    transaction_id: int | None
    received_at: datetime
    applied_at: datetime | None
    error: str | None

    @property
    def is_held(self) -> bool:
        return self.state in HELD


@dataclass(frozen=True)
class Search:
    """What is looked for; empty texts look for everything.

    `state` is one of `WebhookEvent`. `text` is the type or id of an event, a transaction, or the id or a part
    of the name of a station.
    """

    state: str = ""
    text: str = ""


class Matching:
    """The events that match a search. What it names is looked up once, for the count and for every page."""

    def __init__(self, store: Session, search: Search):
        self._store = store
        self._conditions = _conditions(store, search)

    def count(self, limit: int) -> int:
        """How many they are, counted up to `limit`."""
        return count_up_to(self._store, select(WebhookEvent.id).where(*self._conditions), limit)

    def newest(self, *, limit: int, offset: int = 0) -> list[RecordedWebhook]:
        """The last recorded first."""
        query = (
            select(
                WebhookEvent.id,
                WebhookEvent.event_key,
                WebhookEvent.state,
                WebhookEvent.type,
                WebhookEvent.station_id,
                WebhookEvent.transaction_id,
                WebhookEvent.received_at,
                WebhookEvent.applied_at,
                WebhookEvent.error,
            )
            .where(*self._conditions)
            .order_by(WebhookEvent.id.desc())
        )
        return [RecordedWebhook(*row) for row in self._store.execute(query.limit(limit).offset(offset))]


def _conditions(store: Session, search: Search) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if search.state:
        found.append(WebhookEvent.state == search.state)
    if text := sought(search.text):
        found.append(or_(*_of_text(store, text)))
    return found


def _of_text(store: Session, text: str) -> list[ColumnElement[bool]]:
    named = (
        select(OCPPStation.station_id)
        .join(ChargingStation)
        .where(ChargingStation.name.icontains(text, autoescape=True))
    )
    stations = {text, *store.scalars(named)}
    found = [
        WebhookEvent.event_key == text,
        WebhookEvent.type == text,
        WebhookEvent.station_id.in_(stations),
    ]
    if text.isascii() and text.isdigit() and int(text) <= _LARGEST_NUMBER:
        found.append(_of_transaction(store, int(text)))
    return found


def _of_transaction(store: Session, transaction_id: int) -> ColumnElement[bool]:
    """Events are found by their station, of which there is an index; without a session they are all held."""
    stations = store.scalars(
        select(OCPPStation.station_id)
        .join(ChargingSession, ChargingSession.ocpp_station_id == OCPPStation.id)
        .where(ChargingSession.transaction_id == transaction_id)
    ).all()
    where = WebhookEvent.station_id.in_(stations) if stations else WebhookEvent.state.in_(HELD)
    return and_(where, WebhookEvent.transaction_id == transaction_id)


def body_of(store: Session, event_id: int) -> bytes:
    """As it came; empty where it was pruned. Raises `NotFound`."""
    found = store.scalar(select(WebhookEvent.body).where(WebhookEvent.id == event_id))
    if found is None:
        raise NotFound(f"There is no event {event_id}.")
    return found


def readable(body: bytes) -> Event:
    """The event in the body of one that is held. Raises `CannotRetry`."""
    try:
        return parse(body)
    except InvalidEvent as error:
        raise CannotRetry(f"It cannot be applied again, for it cannot be read: {error}") from error


def retry(store: Session, by: User | None, event_id: int) -> None:
    """Have a held event applied with the next ones; `by` is who asks, None at the command line.

    A body that conflicts with another one is applied as well then: who asks for it has looked at it. Raises
    `NotFound` and `CannotRetry`.
    """
    held = (WebhookEvent.id == event_id, WebhookEvent.state.in_(HELD))
    body = store.scalar(select(WebhookEvent.body).where(*held))
    if body is None:
        raise NotFound(f"No event {event_id} is waiting or dead; it may have been taken up meanwhile.")
    event = readable(body)
    # One that was refused when it came was kept without what could not be believed then.
    told = {"type": event.type, "station_id": event.station_id, "transaction_id": event.transaction_id}
    taken_up = store.execute(
        update(WebhookEvent)
        .where(*held)
        .values(state="received", error=None, released_at=utc_now(), **told)
        .returning(WebhookEvent.event_key)
    ).scalar_one_or_none()
    if taken_up is None:
        raise NotFound(f"Event {event_id} was taken up meanwhile.")
    audit.record(store, by, "retry event", f"{event.type} {taken_up}", {"event": str(event_id)})
