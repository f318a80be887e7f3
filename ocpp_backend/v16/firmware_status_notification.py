from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import Connection

from ocpp_backend.protocol import Request

_log = logging.getLogger(__name__)


def firmware_status_notification(_db: Connection, request: Request) -> dict[str, Any]:
    """How far an update is; the version itself comes with the boot that ends it."""
    _log.info("%s: firmware: %s", request.station_id, request.payload["status"])
    return {}
