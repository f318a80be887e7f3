"""The webhooks that told of one session, as they came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from db.analytics.scope import Scope
from db.models import ChargingSession, OCPPStation, WebhookEvent

# Webhooks come later than what they tell of, and clocks differ.
_AROUND = timedelta(days=1)
MOST_COUNTED = 2_000


@dataclass(frozen=True)
class Webhook:
    """One of them without its body; `state` as in `WebhookEvent`, `error` why it is not applied."""

    pk: int
    type: str
    received_at: datetime
    state: str
    error: str | None


@dataclass(frozen=True)
class Page:
    """`count` is how many there are in all, not looked further than `MOST_COUNTED`."""

    count: int
    webhooks: list[Webhook]


def page(store: Session, scope: Scope, session_pk: int, *, limit: int, offset: int = 0) -> Page:
    """Those of a session of the scope, the newest first; empty where there is no such session."""
    conditions = _conditions(store, scope, session_pk)
    if conditions is None:
        return Page(0, [])
    some = select(WebhookEvent.id).where(*conditions).limit(MOST_COUNTED).subquery()
    rows = store.execute(
        select(
            WebhookEvent.id,
            WebhookEvent.type,
            WebhookEvent.received_at,
            WebhookEvent.state,
            WebhookEvent.error,
        )
        .where(*conditions)
        .order_by(WebhookEvent.id.desc())
        .limit(limit)
        .offset(offset)
    )
    count = store.scalar(select(func.count()).select_from(some)) or 0
    return Page(count, [Webhook(*row) for row in rows])


def body_of(store: Session, scope: Scope, session_pk: int, webhook_pk: int) -> bytes | None:
    """The body as it came, for admins; empty once it was pruned, None where it is not of this session."""
    conditions = _conditions(store, scope, session_pk)
    if conditions is None:
        return None
    return store.scalar(select(WebhookEvent.body).where(WebhookEvent.id == webhook_pk, *conditions))


def _conditions(store: Session, scope: Scope, session_pk: int) -> list[ColumnElement[bool]] | None:
    """What picks a session's webhooks, without a look at all that its station ever sent.

    They have no index of their own, which each webhook would pay for; but they come in the order of their
    ids, so that a session's days are a range of those.
    """
    found = store.execute(
        select(ChargingSession, OCPPStation.station_id)
        .join(OCPPStation, ChargingSession.ocpp_station_id == OCPPStation.id)
        .where(ChargingSession.id == session_pk, ChargingSession.ocpp_station_id.in_(scope.stations()))
    ).one_or_none()
    if found is None or found[0].transaction_id is None:
        return None
    session, station_id = found
    newest = max(filter(None, (session.heard_at, session.stop_time, session.start_time)))
    return [
        # A webhook need not name its station.
        or_(WebhookEvent.station_id == station_id, WebhookEvent.station_id.is_(None)),
        WebhookEvent.transaction_id == session.transaction_id,
        WebhookEvent.id >= _first_since(store, session.start_time - _AROUND),
        WebhookEvent.id < _first_since(store, newest + _AROUND),
    ]


def _first_since(store: Session, time: datetime) -> int:
    """The id from which on webhooks were received at `time` or later, found by halving."""
    low = store.scalar(select(func.min(WebhookEvent.id))) or 0
    high = (store.scalar(select(func.max(WebhookEvent.id))) or 0) + 1
    while low < high:
        middle = (low + high) // 2
        # Ids may be missing: the next one there is stands for the middle.
        there = store.execute(
            select(WebhookEvent.id, WebhookEvent.received_at)
            .where(WebhookEvent.id >= middle)
            .order_by(WebhookEvent.id)
            .limit(1)
        ).one_or_none()
        if there is None or there.received_at >= time:
            high = middle
        else:
            low = there.id + 1
    return low
