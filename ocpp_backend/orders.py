"""What the platform asks for: transactions before their charge point begins them. All in a unit of work."""

from __future__ import annotations

import logging
import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, update

from ocpp_backend import endings, evses
from ocpp_backend import transaction_rows as rows
from ocpp_backend.tables import transactions

_log = logging.getLogger(__name__)
_t = transactions.c

# What of a transaction belongs to whoever asked for it, not to the charge point.
ORDER_FIELDS = ("user_id", "payment_transaction_id", "payment_method", "owner_id", "owner_name")


def unclaimed_on(db: Connection, station_id: str, connector_id: int) -> Row[Any] | None:
    """The transaction that waits for a user: OCPP 2.0.1 may begin one when the cable is plugged in."""
    transaction = rows.open_on(db, station_id, connector_id)
    return transaction if transaction is not None and _is_unclaimed(transaction) else None


def allocate(
    db: Connection, station_id: str, connector_id: int, order: dict[str, Any], now: datetime
) -> Row[Any]:
    """A transaction with an id tag of its own: the one that waits for a user, else a pending one."""
    waiting = unclaimed_on(db, station_id, connector_id)
    evse_id, _ = evses.place_of(db, station_id, connector_id)
    facts = {"id_tag": f"EV{secrets.token_hex(8).upper()}", "remote": True, "evse_id": evse_id, **order}
    if waiting is not None:
        return rows.change(db, waiting, claimed=True, **facts)
    more = {"station_id": station_id, "connector_id": connector_id, "status": "pending", "initiated_at": now}
    return rows.insert_new(db, **more, **facts)


def reject(db: Connection, transaction_id: int, now: datetime) -> bool:
    """Undo what the charge point refused; False if it has begun nevertheless."""
    transaction = rows.get(db, transaction_id)
    if transaction is None:
        return False
    if transaction.status == "pending":
        rows.change(db, transaction, status="stopped", stop_reason="Rejected", stop_time=now)
        return True
    if not transaction.claimed or transaction.told:
        return False
    nobody = dict.fromkeys(ORDER_FIELDS)
    rows.change(db, transaction, id_tag="", remote=False, claimed=False, **nobody)
    return True


def cancel(db: Connection, transaction_id: int, now: datetime) -> Row[Any] | None:
    """End a transaction that has not begun, at its user's wish; None if it has begun meanwhile."""
    transaction = rows.first_where(db, _t.transaction_id == transaction_id, _t.status == "pending")
    return None if transaction is None else endings.end_unstarted(db, transaction, "Remote", now)


def stopping(db: Connection, transaction_id: int) -> Row[Any] | None:
    """The charge point agreed to stop. Its stop may have come before its answer."""
    db.execute(
        update(transactions)
        .where(_t.transaction_id == transaction_id, _t.status.in_(("started", "charging", "suspended")))
        .values(status="stopping")
    )
    return rows.get(db, transaction_id)


def expire_pending(db: Connection, now: datetime, timeout: timedelta) -> None:
    """End what was not begun in time."""
    for transaction in rows.all_where(db, _t.status == "pending", _t.initiated_at <= now - timeout):
        _log.info("transaction %s was not begun in time", transaction.transaction_id)
        endings.end_unstarted(db, transaction, "Timeout", now)


def came_too_late(asked_for: Row[Any], begun_at: datetime) -> bool:
    """Whether a start follows an order that was given up before; one that began earlier is its user's."""
    return bool(asked_for.status == "stopped" and begun_at > asked_for.stop_time)


def _is_unclaimed(transaction: Row[Any]) -> bool:
    begun = transaction.start_time is not None and transaction.ocpp_id is not None
    return begun and not transaction.told and not transaction.id_tag
