from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from ocpp_backend.clock import not_ahead
from ocpp_backend.protocol import Request
from ocpp_backend.v201 import connector_states, fields


def status_notification(db: Connection, request: Request) -> dict[str, Any]:
    payload, now = request.payload, request.received_at
    number = fields.connector(db, request.station_id, fields.evse(payload, "evseId"))
    at = not_ahead(fields.time(payload), now)
    connector_states.says(db, request.station_id, number, payload["connectorStatus"], at, now)
    return {}
