"""What passed between us and the OCPP backend: GET /logs/."""

from __future__ import annotations

from flask import Blueprint, Response

from db.models import OCPPLog
from webhook_receiver import paging, parameters, scope, serializers
from webhook_receiver.auth import caller
from webhook_receiver.context import receiver

blueprint = Blueprint("logs", __name__)

LEVELS = ("debug", "info", "warning", "error")


@blueprint.get("/logs/")
def list_logs() -> Response:
    rows = scope.logs(caller())
    if level := parameters.choice("level", LEVELS):
        rows = rows.where(OCPPLog.level == level)
    if (station_id := parameters.text("station_id")) is not None:
        rows = rows.where(OCPPLog.station_id == station_id)
    return paging.answer(
        receiver().engine,
        rows,
        key=(OCPPLog.timestamp, OCPPLog.id),
        serialize=serializers.log,
        newest_first=True,
    )
