"""A transaction as others read it: the webhooks of a session, and the answers of the locator API."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row

from ocpp_backend import outbox
from ocpp_backend.clock import wire_time
from ocpp_backend.measuring import is_measured
from ocpp_backend.pricing import cost
from ocpp_backend.samples import WireSample

# A frame's worth of the shortest values, spelt out, would be larger than a receiver takes.
_VALUES_PER_EVENT = 150

_WIRE_STATUS = {
    "pending": "Started",
    "started": "Started",
    "charging": "Charging",
    "suspended": "Suspended",
    "stopping": "Stopping",
    "stopped": "Stopped",
}


def wire_status(transaction: Row[Any]) -> str:
    return _WIRE_STATUS[transaction.status]


def session_started(db: Connection, transaction: Row[Any], now: datetime) -> None:
    data = {
        "start_time": wire_time(transaction.start_time),
        "meter_start": transaction.meter_start,
        "id_tag": transaction.id_tag or None,
        "connector_id": transaction.connector_id,
        "user_id": transaction.user_id,
        "payment_transaction_id": transaction.payment_transaction_id,
        "clock_ahead": transaction.clock_ahead,
    }
    _append(db, "session_started", transaction, data, transaction.start_time, now)


def session_progress(
    db: Connection, transaction: Row[Any], values: Sequence[WireSample], at: datetime, now: datetime
) -> None:
    """The state of the session with what was just measured; as many webhooks as the values need."""
    data = {
        "energy_consumed_kwh": _kilo(transaction.energy_wh),
        "current_power_kw": _kilo(transaction.power_w),
        "duration_seconds": duration_seconds(transaction, now),
        "estimated_cost": _cost(transaction),
        "connector_id": transaction.connector_id,
    }
    if transaction.soc_percent is not None:
        data["soc_percent"] = float(transaction.soc_percent)
    for first in range(0, len(values) or 1, _VALUES_PER_EVENT):
        some = values[first : first + _VALUES_PER_EVENT]
        _append(db, "session_progress", transaction, {**data, "meter_values": some}, at, now)


def session_stopped(db: Connection, transaction: Row[Any], now: datetime) -> None:
    data: dict[str, Any] = {
        "final_cost": _cost(transaction),
        "stop_reason": transaction.stop_reason,
        "meter_stop": transaction.meter_stop,
        "stop_time": wire_time(transaction.stop_time),
        "duration_seconds": duration_seconds(transaction, now),
        "connector_id": transaction.connector_id,
    }
    if is_measured(transaction) or not transaction.estimated:
        # An energy that is only concluded from the registers may shrink when the stop comes after all;
        # what was once told as consumed may not.
        data["energy_consumed_kwh"] = _kilo(transaction.energy_wh)
    if transaction.estimated:
        data["estimated"] = True
    if transaction.clock_ahead:
        data["clock_ahead"] = True
    if transaction.meter_reset:
        data["meter_reset"] = True
    _append(db, "session_stopped", transaction, data, transaction.stop_time, now)


def as_session(transaction: Row[Any], now: datetime) -> dict[str, Any]:
    """`session_data` of the locator API."""
    over = transaction.status == "stopped"
    return {
        "transaction_id": transaction.transaction_id,
        "station_id": transaction.station_id,
        "connector_id": transaction.connector_id,
        "id_tag": transaction.id_tag or None,
        "status": wire_status(transaction),
        "start_time": _time(transaction.start_time),
        "stop_time": _time(transaction.stop_time),
        "duration_seconds": duration_seconds(transaction, now),
        "energy_consumed_kwh": _kilo(transaction.energy_wh),
        "current_power_kw": _kilo(0 if over else transaction.power_w),
        "soc_percent": None if transaction.soc_percent is None else float(transaction.soc_percent),
        "estimated_cost": _cost(transaction),
        "final_cost": _cost(transaction) if over else None,
        "meter_start": transaction.meter_start,
        "meter_stop": transaction.meter_stop,
        "stop_reason": transaction.stop_reason,
        "estimated": transaction.estimated,
        "clock_ahead": transaction.clock_ahead,
        "meter_reset": transaction.meter_reset,
        "meter_values": transaction.meter_values or [],
    }


def as_transaction(transaction: Row[Any]) -> dict[str, Any]:
    """`transaction` of an initiated charge; it has not begun, so its start is when it was initiated."""
    return {
        "transaction_id": transaction.transaction_id,
        "status": wire_status(transaction),
        "id_tag": transaction.id_tag,
        "start_time": wire_time(transaction.start_time or transaction.initiated_at),
    }


def duration_seconds(transaction: Row[Any], now: datetime) -> int:
    """From the start to the stop, or to the last thing known of it, by the charge point's clock."""
    if transaction.start_time is None:
        return 0
    end = transaction.stop_time or transaction.last_time or now
    return max(0, int((end - transaction.start_time).total_seconds()))


def _append(
    db: Connection, kind: str, transaction: Row[Any], data: dict[str, Any], at: datetime, now: datetime
) -> None:
    outbox.append(
        db,
        kind,
        transaction.station_id,
        data,
        at=at,
        now=now,
        transaction_id=transaction.transaction_id,
    )


def _kilo(amount: int | None) -> float | None:
    return None if amount is None else amount / 1000


def _cost(transaction: Row[Any]) -> float | None:
    amount: Decimal | None = cost(transaction.energy_wh, transaction.price_per_kwh)
    # Two places survive a JSON number unchanged; money is a float nowhere but on the wire.
    return None if amount is None else float(amount)


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else wire_time(moment)
