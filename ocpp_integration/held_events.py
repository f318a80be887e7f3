"""Recorded webhooks that are not applied: which there are, why, and another try at one of them.

Waiting ones are tried again by themselves once their station is known; dead ones only where somebody asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from db import audit
from db.models import User, WebhookEvent, utc_now
from ocpp_integration.errors import IntegrationError, NotFound
from ocpp_integration.events import Event, InvalidEvent, parse

STATES = ("dead", "waiting")


class CannotRetry(IntegrationError):
    """Another try would end as the first one did."""

    code = "cannot_retry"


@dataclass(frozen=True)
class HeldEvent:
    """An event that is held, without its body."""

    id: int
    event_key: str
    state: str
    type: str
    station_id: str | None
    received_at: datetime
    error: str | None


def count(store: Session, state: str, limit: int) -> int:
    """How many events are in `state`, counted up to `limit`."""
    some = select(WebhookEvent.id).where(WebhookEvent.state == state).limit(limit).subquery()
    return store.scalar(select(func.count()).select_from(some)) or 0


def newest(store: Session, state: str, *, limit: int, offset: int = 0) -> list[HeldEvent]:
    """Those in `state`, one of `STATES`, the last recorded first."""
    query = (
        select(
            WebhookEvent.id,
            WebhookEvent.event_key,
            WebhookEvent.state,
            WebhookEvent.type,
            WebhookEvent.station_id,
            WebhookEvent.received_at,
            WebhookEvent.error,
        )
        .where(WebhookEvent.state == state)
        .order_by(WebhookEvent.id.desc())
    )
    return [HeldEvent(*row) for row in store.execute(query.limit(limit).offset(offset))]


def body_of(store: Session, event_id: int) -> bytes:
    """Raises `NotFound` where there is no such event, or it is not held any more."""
    found = store.scalar(
        select(WebhookEvent.body).where(WebhookEvent.id == event_id, WebhookEvent.state.in_(STATES))
    )
    if found is None:
        raise NotFound(f"No event {event_id} is waiting or dead; it may have been taken up meanwhile.")
    return found


def readable(body: bytes) -> Event:
    """The event in the body of one that is held. Raises `CannotRetry`."""
    try:
        return parse(body)
    except InvalidEvent as error:
        raise CannotRetry(f"It cannot be applied again, for it cannot be read: {error}") from error


def retry(store: Session, by: User | None, event_id: int) -> None:
    """Have the event applied with the next ones; `by` is who asks, None at the command line.

    A body that conflicts with another one is applied as well then: who asks for it has looked at it. Raises
    `NotFound` and `CannotRetry`.
    """
    event = readable(body_of(store, event_id))
    # One that was refused when it came was kept without what could not be believed then.
    told = {"type": event.type, "station_id": event.station_id, "transaction_id": event.transaction_id}
    taken_up = store.execute(
        update(WebhookEvent)
        .where(WebhookEvent.id == event_id, WebhookEvent.state.in_(STATES))
        .values(state="received", error=None, released_at=utc_now(), **told)
        .returning(WebhookEvent.event_key)
    ).scalar_one_or_none()
    if taken_up is None:
        raise NotFound(f"Event {event_id} was taken up meanwhile.")
    audit.record(store, by, "retry event", f"{event.type} {taken_up}", {"event": str(event_id)})
