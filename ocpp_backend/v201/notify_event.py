from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from ocpp_backend import stations
from ocpp_backend.clock import not_ahead
from ocpp_backend.protocol import Request
from ocpp_backend.stations import Problem
from ocpp_backend.v201 import connector_states, fields

# The error codes of OCPP 1.6, which the platform knows; 2.0.1 leaves codes to the vendor.
_ERROR_CODES = {
    "ConnectorLockFailure",
    "EVCommunicationError",
    "GroundFailure",
    "HighTemperature",
    "InternalError",
    "LocalListConflict",
    "OverCurrentFailure",
    "OverVoltage",
    "PowerMeterFailure",
    "PowerSwitchFailure",
    "ReaderFailure",
    "ResetFailure",
    "UnderVoltage",
    "WeakSignal",
}
_STATES = {"Available", "Occupied", "Reserved", "Unavailable", "Faulted"}


def notify_event(db: Connection, request: Request) -> dict[str, Any]:
    """Events of a connector or an EVSE: its state, and what is wrong with it. The log of frames has all."""
    for event in request.payload["eventData"]:
        if "evse" not in event["component"]:
            continue
        number = fields.connector(db, request.station_id, fields.evse(event["component"]["evse"]))
        at = not_ahead(fields.time(event), request.received_at)
        _take(db, request, event, number, at)
    return {}


def _take(db: Connection, request: Request, event: dict[str, Any], number: int, at: datetime) -> None:
    station_id, now = request.station_id, request.received_at
    variable, value = event["variable"]["name"], event["actualValue"]
    if variable == "AvailabilityState":
        if event["component"]["name"] == "Connector" and value in _STATES:
            connector_states.says(db, station_id, number, value, at, now)
    elif number > 0 and (variable == "Problem" or "techCode" in event):
        stations.connector_has(db, station_id, number, _problem(event), at, now)


def _problem(event: dict[str, Any]) -> Problem | None:
    """What is wrong; None where it no longer is."""
    is_over = event["variable"]["name"] == "Problem" and event["actualValue"].lower() == "false"
    if is_over or event.get("cleared"):
        return None
    code = event.get("techCode") or event["component"]["name"]
    known = code if code in _ERROR_CODES else "OtherError"
    return Problem(error_code=known, vendor_error_code=code, info=event.get("techInfo", "")[:255] or None)
