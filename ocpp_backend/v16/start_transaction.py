from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from ocpp_backend import transactions
from ocpp_backend.clock import not_ahead
from ocpp_backend.protocol import Request
from ocpp_backend.transactions import Start
from ocpp_backend.v16 import fields


def start_transaction(db: Connection, request: Request) -> dict[str, Any]:
    payload = request.payload
    reported = fields.time(payload)
    start = Start(
        station_id=request.station_id,
        connector_id=fields.connector(payload, least=1),
        id_tag=fields.id_tag(payload),
        meter_start=fields.register(payload, "meterStart"),
        reported=reported,
        time=not_ahead(reported, request.received_at),
    )
    started = transactions.start(db, start, request.received_at)
    status = "Accepted" if started.accepted else "Invalid"
    return {"transactionId": started.transaction_id, "idTagInfo": {"status": status}}
