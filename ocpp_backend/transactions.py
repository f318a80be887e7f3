"""The life of a transaction in the store. Every change queues the webhook that tells of it.

    pending ──▶ started ⇄ charging ⇄ suspended ──▶ stopping ──▶ stopped

A transaction is pending between a remote start and the charge point's StartTransaction; one started at
the charge point itself begins as started. All functions run in a unit of work.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, update

from ocpp_backend import measuring, session_data
from ocpp_backend import transaction_rows as rows
from ocpp_backend.energy import estimate, settle
from ocpp_backend.samples import Sample, readings
from ocpp_backend.tables import transactions

_log = logging.getLogger(__name__)
_t = transactions.c

# What of a transaction belongs to whoever asked for it, not to the charge point.
_ORDER_FIELDS = ("user_id", "payment_transaction_id", "payment_method", "owner_id", "owner_name")


@dataclass(frozen=True)
class Start:
    """A StartTransaction. `reported` is the charge point's time as sent, `time` the one that counts."""

    station_id: str
    connector_id: int
    id_tag: str
    meter_start: int
    reported: datetime
    time: datetime

    @property
    def key(self) -> str:
        return f"{self.connector_id}|{self.reported.isoformat()}|{self.meter_start}|{self.id_tag}"


@dataclass(frozen=True)
class Started:
    transaction_id: int
    accepted: bool


@dataclass(frozen=True)
class Stop:
    station_id: str
    transaction_id: int
    meter_stop: int
    time: datetime
    reason: str | None
    samples: Sequence[Sample] = ()


def allocate(
    db: Connection, station_id: str, connector_id: int, order: dict[str, Any], now: datetime
) -> Row[Any]:
    """A pending transaction with an id tag of its own, by which its StartTransaction will be known."""
    return rows.insert_new(
        db,
        station_id=station_id,
        connector_id=connector_id,
        id_tag=f"EV{secrets.token_hex(8).upper()}",
        status="pending",
        remote=True,
        initiated_at=now,
        **order,
    )


def start(db: Connection, begun: Start, now: datetime) -> Started:
    """Begin the transaction that was asked for, or a new one; sent again, the same one."""
    known = rows.first_where(db, _t.station_id == begun.station_id, _t.start_key == begun.key)
    if known is not None:
        return Started(known.transaction_id, accepted=True)
    asked_for = rows.asked_for_by_tag(db, begun.station_id, begun.id_tag)
    if asked_for is not None and _came_too_late(asked_for, begun):
        _log.warning("%s starts transaction %s after it ended", begun.station_id, asked_for.transaction_id)
        return Started(asked_for.transaction_id, accepted=False)
    _make_room(db, begun, asked_for, now)
    transaction = _begin(db, begun, asked_for, now)
    session_data.session_started(db, transaction, now)
    return Started(transaction.transaction_id, accepted=True)


def progress(
    db: Connection, station_id: str, transaction_id: int, samples: Sequence[Sample], now: datetime
) -> None:
    """Take what was measured into a transaction. Values that come after its end change nothing in it."""
    transaction = rows.of_station(db, station_id, transaction_id)
    if transaction is None or transaction.start_time is None or not samples:
        return
    latest = readings(samples)
    if transaction.status != "stopped":
        transaction = rows.change(db, transaction, **measuring.columns_after(transaction, latest, samples))
    session_data.session_progress(db, transaction, samples, latest[-1].time, now)


def stop(db: Connection, ended: Stop, now: datetime) -> None:
    """End a transaction by its charge point's word. The first stop counts; an estimated end is no stop."""
    progress(db, ended.station_id, ended.transaction_id, ended.samples, now)
    transaction = rows.of_station(db, ended.station_id, ended.transaction_id)
    if transaction is None:
        return
    measured = transaction.status == "stopped" and not transaction.estimated
    if measured or transaction.start_time is None:
        _log.info("%s stops transaction %s again", ended.station_id, ended.transaction_id)
        return
    meter = settle(measuring.meter_of(transaction), ended.meter_stop)
    _end(
        db,
        transaction,
        now,
        energy_wh=meter.energy_wh,
        register_wh=meter.last_wh,
        meter_reset=meter.was_reset,
        meter_stop=ended.meter_stop,
        stop_time=ended.time,
        stop_reason=_reason(transaction, ended.reason),
        estimated=False,
    )


def reject(db: Connection, transaction_id: int, now: datetime) -> bool:
    """Close a transaction that the charge point refused to start; False if it has begun nevertheless."""
    refused = update(transactions).where(_t.transaction_id == transaction_id, _t.status == "pending")
    return db.execute(refused.values(status="stopped", stop_reason="Rejected", stop_time=now)).rowcount == 1


def cancel(db: Connection, transaction_id: int, now: datetime) -> Row[Any] | None:
    """End a transaction that has not begun, at its user's wish; None if it has begun meanwhile."""
    transaction = rows.first_where(db, _t.transaction_id == transaction_id, _t.status == "pending")
    return None if transaction is None else _end_unstarted(db, transaction, "Remote", now)


def stopping(db: Connection, transaction_id: int) -> Row[Any] | None:
    """The charge point agreed to stop. Its StopTransaction may have come before its answer."""
    db.execute(
        update(transactions)
        .where(_t.transaction_id == transaction_id, _t.status.in_(("started", "charging", "suspended")))
        .values(status="stopping")
    )
    return rows.get(db, transaction_id)


def connector_says(
    db: Connection, station_id: str, connector_id: int, status: str, at: datetime, now: datetime
) -> None:
    """Take a connector's status into its running transaction."""
    transaction = rows.open_on(db, station_id, connector_id)
    if transaction is None or transaction.start_time is None or at < transaction.start_time:
        return
    values: dict[str, Any] = {"freed_at": None, "freed_noticed_at": None}
    if status == "available":
        values = {"freed_at": at, "freed_noticed_at": transaction.freed_noticed_at or now}
    elif transaction.status != "stopping" and status in ("charging", "suspended_ev", "suspended_evse"):
        values["status"] = "charging" if status == "charging" else "suspended"
    rows.change(db, transaction, **values)


def expire_pending(db: Connection, now: datetime, timeout: timedelta) -> None:
    """End what no StartTransaction followed in time."""
    for transaction in rows.all_where(db, _t.status == "pending", _t.initiated_at <= now - timeout):
        _log.info("transaction %s was not begun in time", transaction.transaction_id)
        _end_unstarted(db, transaction, "Timeout", now)


def close_freed(db: Connection, now: datetime, patience: timedelta) -> None:
    """End, as estimated, what got no stop although its connector has been free for `patience`."""
    for transaction in rows.all_where(db, _t.status != "stopped", _t.freed_noticed_at <= now - patience):
        _end_estimated(db, transaction, now)


def _came_too_late(asked_for: Row[Any], begun: Start) -> bool:
    # One that began before we gave it up, and was told of later, has drawn energy and is its user's.
    return bool(asked_for.status == "stopped" and begun.time > asked_for.stop_time)


def _make_room(db: Connection, begun: Start, asked_for: Row[Any] | None, now: datetime) -> None:
    occupant = rows.open_on(db, begun.station_id, begun.connector_id)
    if occupant is None:
        return
    if occupant.start_time is None:
        if asked_for is not None and occupant.transaction_id == asked_for.transaction_id:
            return
        _end_unstarted(db, occupant, "Other", now)
    else:
        _end_estimated(db, occupant, now, next_start_wh=begun.meter_start)


def _begin(db: Connection, begun: Start, asked_for: Row[Any] | None, now: datetime) -> Row[Any]:
    facts = {
        "connector_id": begun.connector_id,
        "status": "started",
        "start_key": begun.key,
        "start_time": begun.time,
        "clock_ahead": begun.time != begun.reported,
        "meter_start": begun.meter_start,
        "register_wh": begun.meter_start,
    }
    if asked_for is not None and asked_for.status == "pending":
        return rows.change(db, asked_for, **facts)
    order = {name: getattr(asked_for, name) for name in _ORDER_FIELDS} if asked_for is not None else {}
    return rows.insert_new(
        db, station_id=begun.station_id, id_tag=begun.id_tag, initiated_at=now, **facts, **order
    )


def _reason(transaction: Row[Any], given: str | None) -> str:
    # Many charge points report the stop that we asked for as a local one.
    reason = given or "Local"
    return "Remote" if reason == "Local" and transaction.status == "stopping" else reason


def _end_unstarted(db: Connection, transaction: Row[Any], reason: str, now: datetime) -> Row[Any]:
    return _end(db, transaction, now, stop_time=now, stop_reason=reason)


def _end_estimated(
    db: Connection, transaction: Row[Any], now: datetime, *, next_start_wh: int | None = None
) -> Row[Any]:
    _log.info("transaction %s got no stop and ends as estimated", transaction.transaction_id)
    sampled = transaction.register_time is not None
    meter = estimate(measuring.meter_of(transaction), sampled=sampled, next_start_wh=next_start_wh)
    return _end(
        db,
        transaction,
        now,
        energy_wh=meter.energy_wh,
        meter_stop=meter.last_wh,
        stop_time=transaction.freed_at or transaction.last_time or transaction.start_time,
        stop_reason="Other",
        estimated=True,
    )


def _end(db: Connection, transaction: Row[Any], now: datetime, **facts: Any) -> Row[Any]:
    ended = rows.change(db, transaction, status="stopped", power_w=0, **facts)
    session_data.session_stopped(db, ended, now)
    return ended
