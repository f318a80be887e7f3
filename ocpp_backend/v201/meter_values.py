from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from ocpp_backend import running
from ocpp_backend.protocol import Request
from ocpp_backend.v201 import fields


def meter_values(db: Connection, request: Request) -> dict[str, Any]:
    """Values of an EVSE's meter, for no transaction in particular; EVSE 0 is the meter of the mains."""
    payload, station_id, now = request.payload, request.station_id, request.received_at
    samples = fields.meter_values(payload["meterValue"], now)
    if (number := fields.connector(db, station_id, fields.evse(payload, "evseId"))) > 0:
        running.progress_on(db, station_id, number, samples, now)
    return {}
