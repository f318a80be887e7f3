from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from ocpp_backend.protocol import Request


def notify_report(_db: Connection, _request: Request) -> dict[str, Any]:
    """Part of a report that was asked for; whoever asked reads it in the log of frames."""
    return {}
