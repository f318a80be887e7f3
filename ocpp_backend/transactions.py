"""How transactions begin. Every change of one queues the webhook that tells of it.

    pending ──▶ started ⇄ charging ⇄ suspended ──▶ stopping ──▶ stopped

A transaction is pending between a remote start (`orders`) and the charge point's own start; one started at
the charge point begins as started. Then see `running` and `endings`. All in a unit of work.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from ocpp_backend import endings, orders, session_data
from ocpp_backend import transaction_rows as rows
from ocpp_backend.clock import MAX_AHEAD
from ocpp_backend.tables import transactions

_log = logging.getLogger(__name__)
_t = transactions.c


@dataclass(frozen=True)
class Start:
    """A transaction's start. `reported` is the charge point's time as sent, `time` the one that counts.

    `ocpp_id` is the charge point's own id of the transaction; in OCPP 1.6 it has none.
    """

    station_id: str
    connector_id: int
    id_tag: str
    meter_start: int | None
    reported: datetime
    time: datetime
    ocpp_id: str | None = None

    @property
    def key(self) -> str:
        """Recognises a start that is sent again."""
        if self.ocpp_id is not None:
            return f"{self.ocpp_id}|{self.reported.isoformat()}"
        return f"{self.connector_id}|{self.reported.isoformat()}|{self.meter_start}|{self.id_tag}"


@dataclass(frozen=True)
class Started:
    transaction_id: int
    accepted: bool


def start(db: Connection, begun: Start, now: datetime) -> Started:
    """Begin the transaction that was asked for, or a new one; sent again, the same one."""
    known = rows.first_where(db, _t.station_id == begun.station_id, _t.start_key == begun.key)
    if known is not None:
        return Started(known.transaction_id, accepted=True)
    asked_for = rows.asked_for_by_tag(db, begun.station_id, begun.id_tag)
    if asked_for is not None and orders.came_too_late(asked_for, begun.time):
        _log.warning("%s starts transaction %s after it ended", begun.station_id, asked_for.transaction_id)
        return Started(asked_for.transaction_id, accepted=False)
    transaction = begin(db, begun, asked_for, now, told=True, start_key=begun.key)
    return Started(transaction.transaction_id, accepted=True)


def begin(
    db: Connection, begun: Start, asked_for: Row[Any] | None, now: datetime, *, told: bool, **more: Any
) -> Row[Any]:
    """The transaction, begun: the one that was asked for, else a new one.

    What ran on its connector until then is over. If that began later, it is `begun` that is over, and its
    stop is still to come, or lost.
    """
    later = make_room(db, begun, asked_for, now)
    facts = {
        "connector_id": begun.connector_id,
        "status": "started" if later is None else "stopped",
        "estimated": later is not None,
        "start_time": begun.time,
        "clock_ahead": begun.time != begun.reported,
        "meter_start": begun.meter_start,
        "register_wh": begun.meter_start,
        "ocpp_id": begun.ocpp_id,
        "heard_at": now,
        "told": told,
        **more,
    }
    transaction = _put(db, begun, asked_for, facts, now)
    if told:
        session_data.session_started(db, transaction, now)
    if later is not None:
        transaction = endings.end_estimated(db, transaction, now, next_start_wh=later.meter_start)
    return transaction


def make_room(db: Connection, begun: Start, itself: Row[Any] | None, now: datetime) -> Row[Any] | None:
    """End what `begun` follows on its connector; or give back what follows `begun` there."""
    occupant = rows.open_on(db, begun.station_id, begun.connector_id)
    if occupant is None:
        return None
    if occupant.start_time is None and _is_same(occupant, itself):
        return None
    # Sent late from a queue; clocks may be apart by a little.
    if begun.time < (occupant.start_time or occupant.initiated_at) - MAX_AHEAD:
        return occupant
    if occupant.start_time is None:
        endings.end_unstarted(db, occupant, "Other", now)
    else:
        endings.end_estimated(db, occupant, now, next_start_wh=begun.meter_start)
    return None


def _is_same(one: Row[Any], other: Row[Any] | None) -> bool:
    return other is not None and one.transaction_id == other.transaction_id


def _put(
    db: Connection, begun: Start, asked_for: Row[Any] | None, facts: dict[str, Any], now: datetime
) -> Row[Any]:
    if asked_for is not None and asked_for.status == "pending":
        return rows.change(db, asked_for, **facts)
    order: dict[str, Any] = {}
    if asked_for is not None:
        order = {name: getattr(asked_for, name) for name in orders.ORDER_FIELDS}
    return rows.insert_new(
        db, station_id=begun.station_id, id_tag=begun.id_tag, initiated_at=now, **facts, **order
    )
