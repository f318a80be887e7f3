"""The durable queue of webhooks: written in the transaction of the fact it tells of."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, delete, func, select, update

from ocpp_backend.bulk import insert_rows
from ocpp_backend.changes import WEBHOOK_COLUMNS, changes_of
from ocpp_backend.clock import wire_time
from ocpp_backend.tables import outbox

_PRUNE_AT_ONCE = 5000
_MARK_AT_ONCE = 1000
_NEXT = (
    select(
        outbox.c.id, outbox.c.event_id, outbox.c.station_id, outbox.c.type, outbox.c.body, outbox.c.attempts
    )
    .where(outbox.c.state == "pending", outbox.c.station_id == bindparam("station"))
    .order_by(outbox.c.id)
    .limit(bindparam("most"))
)


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
    event_id = _event_id(now)
    envelope: dict[str, Any] = {
        "type": kind,
        "event_id": event_id,
        "station_id": station_id,
        "timestamp": wire_time(at),
        "data": data,
    }
    if transaction_id is not None:
        envelope["transaction_id"] = transaction_id
    body = orjson.dumps(envelope).decode()
    row = (event_id, station_id, kind, body, now, "pending", 0)
    if (changes := changes_of(db)) is not None:
        changes.add_webhook(station_id, row)
    else:
        insert_rows(db, outbox, WEBHOOK_COLUMNS, [row])


def _event_id(now: datetime) -> str:
    """A UUID of version 7: ordered by time, so that the index of them grows at one end only."""
    milliseconds = int(now.timestamp() * 1000)
    number = int.from_bytes(os.urandom(10)) | milliseconds << 80
    number = number & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def waiting_stations(db: Connection) -> Sequence[str]:
    pending = select(outbox.c.station_id).where(outbox.c.state == "pending")
    return db.scalars(pending.distinct()).all()


def next_of_each(db: Connection, station_ids: Iterable[str], limit: int) -> list[list[Pending]]:
    """For each station its oldest webhooks still to be delivered, in order."""
    return [
        [Pending(*row) for row in db.execute(_NEXT, {"station": station_id, "most": limit})]
        for station_id in station_ids
    ]


def delivered(db: Connection, ids: Sequence[int], now: datetime) -> None:
    for first in range(0, len(ids), _MARK_AT_ONCE):
        some = outbox.c.id.in_(ids[first : first + _MARK_AT_ONCE])
        db.execute(update(outbox).where(some).values(state="delivered", settled_at=now))


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
