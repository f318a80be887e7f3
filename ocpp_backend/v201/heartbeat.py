from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from ocpp_backend import stations
from ocpp_backend.clock import wire_time
from ocpp_backend.protocol import Request


def heartbeat(db: Connection, request: Request) -> dict[str, Any]:
    stations.heartbeat(db, request.station_id, request.received_at)
    return {"currentTime": wire_time(request.received_at)}
