"""What is reported while a transaction runs: values, states, signs of life. All in a unit of work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, update

from ocpp_backend import measuring, session_data
from ocpp_backend import transaction_rows as rows
from ocpp_backend.samples import Sample, readings
from ocpp_backend.tables import transactions

_t = transactions.c

# Within this time after a boot come the messages that were queued before it.
_QUEUE_DRAINS = timedelta(seconds=60)
NO_DOUBT: dict[str, Any] = {"freed_at": None, "freed_noticed_at": None}
# Only with these does a connector say that its transaction lives.
_TRANSACTION_STATUS = {"charging": "charging", "suspended_ev": "suspended", "suspended_evse": "suspended"}


def progress(
    db: Connection, station_id: str, transaction_id: int, samples: Sequence[Sample], now: datetime
) -> None:
    """Take what was measured into a transaction, by the id that we gave it."""
    transaction = rows.of_station(db, station_id, transaction_id)
    if transaction is not None:
        measure(db, transaction, samples, now)


def progress_on(
    db: Connection, station_id: str, connector_id: int, samples: Sequence[Sample], now: datetime
) -> None:
    """Take what a connector's meter says, of no transaction in particular, into the one that runs there.

    Many charge points leave the transaction out. What cannot be of the same register is left aside.
    """
    transaction = rows.open_on(db, station_id, connector_id)
    if transaction is None or transaction.start_time is None:
        return
    ours = [sample for sample in samples if sample.timestamp >= transaction.start_time]
    if any(measuring.contradicts(transaction, reading) for reading in readings(ours)):
        return
    measure(db, transaction, ours, now)


def measure(db: Connection, transaction: Row[Any], samples: Sequence[Sample], now: datetime) -> Row[Any]:
    """The transaction after `samples`. Those that come after its stop are told and change nothing in it."""
    if transaction.start_time is None or not samples:
        return transaction
    latest, wire = readings(samples), [sample.as_wire() for sample in samples]
    if transaction.status != "stopped" or transaction.estimated:
        meter_start = transaction.meter_start
        columns = measuring.columns_after(transaction, latest, samples, wire)
        alive = NO_DOUBT if shows_life(transaction, latest[-1].time, now) else {}
        transaction = rows.change(db, transaction, heard_at=now, **columns, **alive)
        transaction = tell_if_charged(db, transaction, now)
        if transaction.told and transaction.meter_start != meter_start:
            session_data.session_started(db, transaction, now)
    if transaction.told:
        session_data.session_progress(db, transaction, wire, latest[-1].time, now)
    return transaction


def tell_if_charged(db: Connection, transaction: Row[Any], now: datetime) -> Row[Any]:
    """A cable that was plugged in becomes a session at the latest when energy passes."""
    charged = transaction.energy_wh > 0 or (transaction.power_w or 0) > 0
    return tell(db, transaction, now) if charged and not transaction.told else transaction


def tell(db: Connection, transaction: Row[Any], now: datetime) -> Row[Any]:
    transaction = rows.change(db, transaction, told=True)
    session_data.session_started(db, transaction, now)
    return transaction


def connector_says(
    db: Connection, station_id: str, connector_id: int, status: str, at: datetime, now: datetime
) -> None:
    """Take a connector's status into its running transaction."""
    transaction = rows.open_on(db, station_id, connector_id)
    if transaction is None or transaction.start_time is None or at < transaction.start_time:
        return
    if status == "available":
        freed = {"freed_at": at, "freed_noticed_at": transaction.freed_noticed_at or now}
        rows.change(db, transaction, heard_at=now, **freed)
    elif status in _TRANSACTION_STATUS:
        rows.change(db, transaction, heard_at=now, **NO_DOUBT, **status_columns(transaction, status))


def status_columns(transaction: Row[Any], connector_status: str) -> dict[str, Any]:
    """The transaction's own status by its connector's; one that is being stopped stays so."""
    if transaction.status in ("stopping", "stopped") or connector_status not in _TRANSACTION_STATUS:
        return {}
    return {"status": _TRANSACTION_STATUS[connector_status]}


def charge_point_booted(db: Connection, station_id: str, now: datetime) -> None:
    """Doubt what runs there until it shows life again: many charge points forget it when they restart."""
    # Said this way, the index of what is not over has the few of this station.
    running = (_t.station_id == station_id, _t.status != "stopped", _t.status != "pending")
    undoubted = update(transactions).where(*running, _t.freed_noticed_at.is_(None))
    db.execute(undoubted.values(freed_noticed_at=now))


def shows_life(transaction: Row[Any], at: datetime, now: datetime) -> bool:
    """Whether something happened in a transaction after it was doubted, and was not only sent then."""
    noticed: datetime | None = transaction.freed_noticed_at
    if noticed is None:
        return False
    if transaction.freed_at is not None:
        return bool(at > transaction.freed_at)
    return at >= noticed or now - noticed > _QUEUE_DRAINS
