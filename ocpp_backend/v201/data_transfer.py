from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from ocpp_backend.protocol import Request


def data_transfer(_db: Connection, _request: Request) -> dict[str, Any]:
    """No vendor's extension is known here."""
    return {"status": "UnknownVendorId"}
