from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from ocpp_backend import running, stations
from ocpp_backend.clock import not_ahead
from ocpp_backend.protocol import Request
from ocpp_backend.stations import ConnectorState
from ocpp_backend.v16 import fields
from ocpp_integration.events import normalise_status


def status_notification(db: Connection, request: Request) -> dict[str, Any]:
    payload, now = request.payload, request.received_at
    connector_id = fields.connector(payload, least=0)
    at = not_ahead(fields.time(payload), now) if payload.get("timestamp") else now
    status = str(normalise_status(payload["status"]))
    if connector_id == 0:
        stations.station_says(db, request.station_id, status, at, now)
        return {}
    state = ConnectorState(
        connector_id=connector_id,
        status=status,
        error_code=payload["errorCode"],
        info=payload.get("info"),
        vendor_id=payload.get("vendorId"),
        vendor_error_code=payload.get("vendorErrorCode"),
    )
    if stations.connector_says(db, request.station_id, state, at, now):
        running.connector_says(db, request.station_id, connector_id, status, at, now)
    return {}
