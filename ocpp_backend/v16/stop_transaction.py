from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import Connection

from ocpp_backend import endings
from ocpp_backend.clock import not_ahead
from ocpp_backend.endings import Stop
from ocpp_backend.failures import CallError
from ocpp_backend.protocol import Request
from ocpp_backend.samples import Sample
from ocpp_backend.v16 import fields

_log = logging.getLogger(__name__)


def stop_transaction(db: Connection, request: Request) -> dict[str, Any]:
    payload = request.payload
    reported = fields.time(payload)
    time = not_ahead(reported, request.received_at)
    stop = Stop(
        station_id=request.station_id,
        transaction_id=payload["transactionId"],
        meter_stop=fields.register(payload, "meterStop"),
        time=time,
        clock_ahead=time != reported,
        reason=payload.get("reason"),
        samples=_samples(request),
    )
    endings.stop(db, stop, request.received_at)
    return {"idTagInfo": {"status": "Accepted"}} if "idTag" in payload else {}


def _samples(request: Request) -> list[Sample]:
    try:
        return fields.samples(request.payload.get("transactionData", []), request.received_at)
    except CallError as error:
        # The stop itself must not be lost to a wrong value beside it.
        _log.warning("%s: transactionData is left out: %s", request.station_id, error)
        return []
