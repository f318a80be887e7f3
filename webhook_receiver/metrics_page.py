"""GET /metrics in Prometheus' text format, and who may read what betrays volumes."""

from __future__ import annotations

from flask import Blueprint, Response, request
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from ocpp_integration.metrics import may_read
from webhook_receiver.context import receiver
from webhook_receiver.errors import NotFound, Unauthorized

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
def metrics() -> Response:
    if not may_read_details():
        if receiver().settings.metrics_token:
            raise Unauthorized(
                "the header `Authorization: Bearer <METRICS_TOKEN>` is needed", scheme="Bearer"
            )
        raise NotFound
    return Response(generate_latest(receiver().metrics.registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def may_read_details() -> bool:
    """Whether the current request may read what betrays volumes."""
    token = receiver().settings.metrics_token
    headers = {name.lower(): value for name, value in request.headers.items()}
    return may_read(token.get_secret_value() if token else None, request.remote_addr or "", headers)
