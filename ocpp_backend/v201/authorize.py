from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from ocpp_backend import transaction_rows
from ocpp_backend.protocol import Request
from ocpp_backend.v201 import fields


def authorize(db: Connection, request: Request) -> dict[str, Any]:
    """Every card may charge; an id tag of ours only as long as its own transaction is not over."""
    token = fields.id_token(request.payload)
    asked_for = transaction_rows.asked_for_by_tag(db, request.station_id, token)
    used_up = asked_for is not None and asked_for.status == "stopped"
    return {"idTokenInfo": {"status": "Expired" if used_up else "Accepted"}}
