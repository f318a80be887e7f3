"""The durable queue of webhooks: written in the transaction of the fact it tells of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
from sqlalchemy import Connection, delete, func, insert, select, update

from ocpp_backend.clock import wire_time
from ocpp_backend.tables import outbox

_PRUNE_AT_ONCE = 5000


@dataclass(frozen=True)
class Pending:
    """A webhook that waits: `body` is the exact text that every attempt sends."""

    id: int
    event_id: str
    station_id: str
    type: str
    body: str
    attempts: int


def append(
    db: Connection,
    kind: str,
    station_id: str,
    data: Mapping[str, Any],
    *,
    at: datetime,
    now: datetime,
    transaction_id: int | None = None,
) -> None:
    """Queue a webhook of type `kind`. `at` is the charge point's own time of the fact."""
    event_id = str(uuid4())
    envelope: dict[str, Any] = {
        "type": kind,
        "event_id": event_id,
        "station_id": station_id,
        "timestamp": wire_time(at),
        "data": data,
    }
    if transaction_id is not None:
        envelope["transaction_id"] = transaction_id
    db.execute(
        insert(outbox).values(
            event_id=event_id,
            station_id=station_id,
            type=kind,
            body=orjson.dumps(envelope).decode(),
            created_at=now,
        )
    )
    db.info.setdefault("outbox_stations", set()).add(station_id)


def waiting_stations(db: Connection) -> Sequence[str]:
    pending = select(outbox.c.station_id).where(outbox.c.state == "pending")
    return db.scalars(pending.distinct()).all()


def next_of(db: Connection, station_id: str, limit: int) -> list[Pending]:
    """The station's oldest webhooks still to be delivered, in order."""
    columns = (outbox.c.id, outbox.c.event_id, outbox.c.station_id, outbox.c.type, outbox.c.body)
    query = (
        select(*columns, outbox.c.attempts)
        .where(outbox.c.state == "pending", outbox.c.station_id == station_id)
        .order_by(outbox.c.id)
        .limit(limit)
    )
    return [Pending(*row) for row in db.execute(query)]


def delivered(db: Connection, ids: Sequence[int], now: datetime) -> None:
    db.execute(update(outbox).where(outbox.c.id.in_(ids)).values(state="delivered", settled_at=now))


def failed(db: Connection, event: Pending, answer: str) -> None:
    """Count an attempt that is to be repeated."""
    attempts = outbox.c.attempts + 1
    db.execute(update(outbox).where(outbox.c.id == event.id).values(attempts=attempts, answer=answer))


def refused(db: Connection, event: Pending, answer: str, now: datetime) -> None:
    """Put a webhook aside that the receiver will never take; it stays in the store with its answer."""
    values = {"state": "refused", "answer": answer, "settled_at": now, "attempts": outbox.c.attempts + 1}
    db.execute(update(outbox).where(outbox.c.id == event.id).values(values))


def prune(db: Connection, now: datetime, keep: timedelta) -> int:
    """Delete what was delivered longer than `keep` ago, a bounded number at once; how many went."""
    old = select(outbox.c.id).where(outbox.c.state == "delivered", outbox.c.settled_at < now - keep)
    return db.execute(delete(outbox).where(outbox.c.id.in_(old.limit(_PRUNE_AT_ONCE)))).rowcount


@dataclass(frozen=True)
class Backlog:
    pending: int
    refused: int
    oldest: datetime | None


def backlog(db: Connection) -> Backlog:
    waiting = db.execute(
        select(func.count(), func.min(outbox.c.created_at)).where(outbox.c.state == "pending")
    ).one()
    refusals = db.scalar(select(func.count()).where(outbox.c.state == "refused"))
    return Backlog(pending=waiting[0], refused=refusals or 0, oldest=waiting[1])
