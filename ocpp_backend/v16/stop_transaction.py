from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from ocpp_backend import transactions
from ocpp_backend.clock import not_ahead
from ocpp_backend.failures import CallError
from ocpp_backend.protocol import Request
from ocpp_backend.samples import Sample
from ocpp_backend.transactions import Stop
from ocpp_backend.v16 import fields

_log = logging.getLogger(__name__)


def stop_transaction(db: Connection, request: Request) -> dict[str, Any]:
    payload = request.payload
    stop = Stop(
        station_id=request.station_id,
        transaction_id=payload["transactionId"],
        meter_stop=fields.register(payload, "meterStop"),
        time=not_ahead(fields.time(payload), request.received_at),
        reason=payload.get("reason"),
        samples=_samples(request),
    )
    transactions.stop(db, stop, request.received_at)
    return {"idTagInfo": {"status": "Accepted"}} if "idTag" in payload else {}


def _samples(request: Request) -> list[Sample]:
    try:
        samples = fields.samples(request.payload.get("transactionData", []))
    except CallError as error:
        # The stop itself must not be lost to a wrong value beside it.
        _log.warning("%s: transactionData is left out: %s", request.station_id, error)
        return []
    arrival = request.received_at
    return [replace(sample, timestamp=not_ahead(sample.timestamp, arrival)) for sample in samples]
