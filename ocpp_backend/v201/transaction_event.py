from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row

from ocpp_backend.clock import not_ahead
from ocpp_backend.pricing import cost
from ocpp_backend.protocol import Request
from ocpp_backend.v201 import fields, station_transactions
from ocpp_backend.v201.connector_states import CHARGING_STATES
from ocpp_backend.v201.event import TransactionEvent


def transaction_event(db: Connection, request: Request) -> dict[str, Any]:
    event = _event(request)
    transaction = station_transactions.take(db, event, request.received_at)
    if transaction is None:
        return {"idTokenInfo": {"status": "Invalid"}}
    answer: dict[str, Any] = {}
    if event.id_token:
        answer["idTokenInfo"] = {"status": "Accepted"}
    if event.kind == "Ended" and (total := _total_cost(transaction)) is not None:
        answer["totalCost"] = total
    return answer


def _event(request: Request) -> TransactionEvent:
    payload, now = request.payload, request.received_at
    info, reported = payload["transactionInfo"], fields.time(payload)
    return TransactionEvent(
        station_id=request.station_id,
        ocpp_id=fields.transaction_id(payload),
        kind=payload["eventType"],
        trigger=payload["triggerReason"],
        reported=reported,
        time=not_ahead(reported, now),
        evse=fields.evse(payload["evse"]) if "evse" in payload else None,
        id_token=fields.id_token(payload) if "idToken" in payload else "",
        remote_start_id=info.get("remoteStartId"),
        charging_state=CHARGING_STATES.get(info.get("chargingState", "")),
        stopped_reason=info.get("stoppedReason"),
        samples=fields.samples(payload.get("meterValue", []), now),
    )


def _total_cost(transaction: Row[Any]) -> float | None:
    total = cost(transaction.energy_wh, transaction.price_per_kwh)
    return None if total is None else float(total)
