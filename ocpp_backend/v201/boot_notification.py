from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from ocpp_backend import running, stations
from ocpp_backend.clock import wire_time
from ocpp_backend.protocol import Request


def boot_notification(db: Connection, request: Request) -> dict[str, Any]:
    station = request.payload["chargingStation"]
    identity = {
        "vendor": station["vendorName"],
        "model": station["model"],
        "firmware_version": station.get("firmwareVersion"),
        "serial_number": station.get("serialNumber"),
    }
    stations.booted(db, request.station_id, identity, request.received_at)
    running.charge_point_booted(db, request.station_id, request.received_at)
    return {
        "currentTime": wire_time(request.received_at),
        "interval": request.heartbeat_interval,
        "status": "Accepted",
    }
