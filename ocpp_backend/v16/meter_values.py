from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from ocpp_backend import running
from ocpp_backend.protocol import Request
from ocpp_backend.v16 import fields


def meter_values(db: Connection, request: Request) -> dict[str, Any]:
    """Values that name no transaction belong to the one that runs on their connector, if one does."""
    payload, station_id, now = request.payload, request.station_id, request.received_at
    connector_id = fields.connector(payload, least=0)
    samples = fields.samples(payload["meterValue"], now)
    if (transaction_id := payload.get("transactionId")) is not None:
        running.progress(db, station_id, transaction_id, samples, now)
    elif connector_id > 0:
        running.progress_on(db, station_id, connector_id, samples, now)
    return {}
