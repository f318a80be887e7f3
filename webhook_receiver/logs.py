"""What passed between us and the OCPP backend."""

from __future__ import annotations

from flask import Response

from db.models import OCPPLog
from webhook_receiver import paging, scope, serializers
from webhook_receiver.auth import caller
from webhook_receiver.context import receiver
from webhook_receiver.parameters import ListLogs


def list_logs(*, query: ListLogs) -> Response:
    rows = scope.logs(caller())
    if query.level is not None:
        rows = rows.where(OCPPLog.level == query.level)
    if query.station_id is not None:
        rows = rows.where(OCPPLog.station_id == query.station_id)
    return paging.answer(
        query,
        receiver().engine,
        rows,
        key=(OCPPLog.timestamp, OCPPLog.id),
        serialize=serializers.log,
        newest_first=True,
    )
