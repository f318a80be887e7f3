from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import Connection

from ocpp_backend.protocol import Request

_log = logging.getLogger(__name__)


def security_event_notification(_db: Connection, request: Request) -> dict[str, Any]:
    _log.warning("%s: security event %r", request.station_id, request.payload["type"])
    return {}
