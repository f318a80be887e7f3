from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from ocpp_backend import running, stations
from ocpp_backend.clock import wire_time
from ocpp_backend.protocol import Request


def boot_notification(db: Connection, request: Request) -> dict[str, Any]:
    payload = request.payload
    identity = {
        "vendor": payload["chargePointVendor"],
        "model": payload["chargePointModel"],
        "firmware_version": payload.get("firmwareVersion"),
        "serial_number": payload.get("chargePointSerialNumber") or payload.get("chargeBoxSerialNumber"),
    }
    stations.booted(db, request.station_id, identity, request.received_at)
    running.charge_point_booted(db, request.station_id, request.received_at)
    return {
        "currentTime": wire_time(request.received_at),
        "interval": request.heartbeat_interval,
        "status": "Accepted",
    }
