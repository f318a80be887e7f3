from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import Connection

from ocpp_backend.protocol import Request

_log = logging.getLogger(__name__)


def log_status_notification(_db: Connection, request: Request) -> dict[str, Any]:
    _log.info("%s: upload of logs: %s", request.station_id, request.payload["status"])
    return {}
