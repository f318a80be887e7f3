"""Applying recorded webhooks: in order per station, each exactly once, many in one commit."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, and_, or_, select, update
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from db.engine import writing
from db.models import ChargingSession, OCPPStation, WebhookEvent
from ocpp_integration.events import parse
from ocpp_integration.lifecycle import StationUnknown, apply_event

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Applied:
    """How many events of a batch changed the store, and how many cannot."""

    taken: int
    dead: int


def apply_batch(engine: Engine, *, now: datetime, limit: int = 200) -> Applied:
    """Apply the oldest recorded events in one transaction.

    An event of an unknown station is set aside as waiting, one that cannot be applied is kept as dead
    with its reason; neither holds up the others. A fault of the store itself raises, and all of the
    batch stays as it was.
    """
    with writing(engine) as store:
        events = store.scalars(
            select(WebhookEvent)
            .where(WebhookEvent.state == "received")
            .order_by(WebhookEvent.id)
            .limit(limit)
            .with_for_update()
        ).all()
        for event in events:
            _apply(store, event, now)
        return Applied(len(events), sum(event.state == "dead" for event in events))


def release_waiting(engine: Engine) -> int:
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
            .values(state="received", error=None)
        )
        return result.rowcount


def _apply(store: Session, event: WebhookEvent, now: datetime) -> None:
    try:
        with store.begin_nested():
            known_type = apply_event(store, parse(event.body), event.received_at)
    except StationUnknown as reason:
        event.state, event.error = "waiting", str(reason)
    except DBAPIError as error:
        if error.connection_invalidated or not isinstance(error, IntegrityError | DataError):
            raise
        _bury(event, error)
    except Exception as error:  # noqa: BLE001 - one event's trouble is not the trouble of all behind it
        _bury(event, error)
    else:
        event.state, event.error = ("applied" if known_type else "ignored"), None
        event.applied_at = now


def _bury(event: WebhookEvent, error: Exception) -> None:
    log.exception("webhook %s (%s) cannot be applied", event.event_key, event.type)
    event.state, event.error = "dead", f"{type(error).__name__}: {error}"[:2000]
