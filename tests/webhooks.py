"""Webhooks as a backend sends them, recorded and applied as the receiver and the jobs do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
from sqlalchemy import Engine

from db.inbox import Inbox, RecordedEvent
from ocpp_integration import events
from ocpp_integration.inbox import Applied, apply_batch

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
STATION = "STATION_BOLE_ROAD"
Body = dict[str, Any]


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def webhook(
    kind: str,
    seconds: float | None = None,
    *,
    station: str | None = STATION,
    transaction: int | None = None,
    **data: Any,
) -> Body:
    """An event of a type, `seconds` after noon by the charge point's clock, with an identity of its own."""
    envelope = {
        "station_id": station,
        "transaction_id": transaction,
        "timestamp": None if seconds is None else at(seconds).isoformat(),
    }
    told = {name: value for name, value in envelope.items() if value is not None}
    return {"type": kind, "data": data, "event_id": str(uuid4()), **told}


def started(seconds: float, *, transaction: int = 1, meter_start: int = 1000, **more: Any) -> Body:
    known: Body = {"connector_id": 1, "id_tag": "TAG", "start_time": at(seconds).isoformat()}
    return webhook(
        "session_started", seconds, transaction=transaction, meter_start=meter_start, **known | more
    )


def progress(seconds: float, kwh: float, kw: float = 11, *, transaction: int = 1, **more: Any) -> Body:
    told = {"energy_consumed_kwh": kwh, "current_power_kw": kw, "connector_id": 1} | more
    return webhook("session_progress", seconds, transaction=transaction, **told)


def stopped(seconds: float, *, transaction: int = 1, meter_stop: int | None = 9000, **more: Any) -> Body:
    told = {"stop_time": at(seconds).isoformat(), "meter_stop": meter_stop, "stop_reason": "Local"} | more
    return webhook("session_stopped", seconds, transaction=transaction, **told)


def status(seconds: float, status: str, connector: int = 1, **more: Any) -> Body:
    return webhook("connector_status", seconds, connector_id=connector, status=status, **more)


def presence(seconds: float, *, online: bool) -> Body:
    told: Body = {"status": "available" if online else "unavailable", "is_online": online}
    return webhook("station_status", seconds, last_heartbeat=at(seconds).isoformat(), **told)


def record(engine: Engine, *bodies: Body, received_at: datetime | None = None) -> None:
    """Take the events in, each once by its identity, as the receiver does."""
    inbox = Inbox(engine)
    try:
        for body in bodies:
            raw = orjson.dumps(body)
            inbox.record(
                RecordedEvent(
                    event_key=body["event_id"],
                    body_digest=events.digest(raw),
                    type=body["type"],
                    body=raw,
                    received_at=received_at or at(3600),
                    station_id=body.get("station_id"),
                    transaction_id=body.get("transaction_id"),
                )
            )
    finally:
        inbox.close()


def apply(engine: Engine, limit: int = 200) -> Applied:
    """Apply all that is recorded, at most `limit` events in a transaction."""
    taken = dead = 0
    while (batch := apply_batch(engine, now=at(3600), limit=limit)).taken:
        taken, dead = taken + batch.taken, dead + batch.dead
    return Applied(taken, dead)


def tell(engine: Engine, *bodies: Body, limit: int = 200) -> Applied:
    record(engine, *bodies)
    return apply(engine, limit)
