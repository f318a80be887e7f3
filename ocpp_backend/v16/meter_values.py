from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from ocpp_backend import transactions
from ocpp_backend.clock import not_ahead
from ocpp_backend.protocol import Request
from ocpp_backend.v16 import fields


def meter_values(db: Connection, request: Request) -> dict[str, Any]:
    """Values without a transaction (clock-aligned ones) belong to no session."""
    payload = request.payload
    fields.connector(payload, least=0)
    samples = [
        replace(sample, timestamp=not_ahead(sample.timestamp, request.received_at))
        for sample in fields.samples(payload["meterValue"])
    ]
    if (transaction_id := payload.get("transactionId")) is not None:
        transactions.progress(db, request.station_id, transaction_id, samples, request.received_at)
    return {}
