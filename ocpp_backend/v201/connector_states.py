"""The states of a connector: OCPP 2.0.1 tells five, the platform knows nine.

What 2.0.1 calls Occupied is told apart by the chargingState of the connector's transaction.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from ocpp_backend import running, stations, transaction_rows
from ocpp_backend.stations import ConnectorState
from ocpp_integration.events import OUT_OF_ORDER, PLUGGED_IN

CHARGING_STATES = {
    "Charging": "charging",
    "EVConnected": "preparing",
    "SuspendedEV": "suspended_ev",
    "SuspendedEVSE": "suspended_evse",
    "Idle": "preparing",
}
_BY_STATUS = {"charging": "charging", "suspended": "suspended_ev", "stopping": "charging"}


def says(db: Connection, station_id: str, number: int, told: str, at: datetime, now: datetime) -> None:
    """A charge point tells a state of 2.0.1 of connector `number`, of itself as a whole for 0."""
    status = told.lower()
    if number == 0:
        if status != "occupied":
            stations.station_says(db, station_id, status, at, now)
        return
    known = stations.connector(db, station_id, number)
    if status == "occupied":
        status = _of_occupied(known, transaction_rows.open_on(db, station_id, number))
    taken = stations.connector_says(db, station_id, _state(known, number, status), at, now)
    if taken and status == "available":
        running.connector_says(db, station_id, number, status, at, now)


def follow(db: Connection, transaction: Row[Any], at: datetime, now: datetime) -> None:
    """Tell the connector's state where its transaction has changed it."""
    number, station_id = transaction.connector_id, transaction.station_id
    if number == 0:
        return
    known = stations.connector(db, station_id, number)
    before = known.status if known is not None else None
    status = _of_transaction(transaction) if transaction.status != "stopped" else "finishing"
    if status == before or before in OUT_OF_ORDER or (status == "finishing" and before not in PLUGGED_IN):
        return
    stations.connector_says(db, station_id, _state(known, number, status), at, now)


def _of_occupied(known: Row[Any] | None, transaction: Row[Any] | None) -> str:
    if transaction is not None and transaction.start_time is not None:
        return _of_transaction(transaction)
    # A car that has finished is still there until its connector is free.
    return known.status if known is not None and known.status in PLUGGED_IN else "preparing"


def _of_transaction(transaction: Row[Any]) -> str:
    told: str | None = transaction.charging_state
    return told or _BY_STATUS.get(transaction.status, "preparing")


def _state(known: Row[Any] | None, number: int, status: str) -> ConnectorState:
    """The error that a NotifyEvent told holds until the connector is free again."""
    if known is None or status == "available":
        return ConnectorState(number, status, "NoError" if status != "faulted" else None)
    return ConnectorState(
        number, status, known.error_code, known.info, known.vendor_id, known.vendor_error_code
    )
