"""Whether the process answers, and whether it can do its work."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from settings import version
from webhook_receiver.context import receiver
from webhook_receiver.errors import BadFields
from webhook_receiver.metrics_page import may_read_details
from webhook_receiver.readiness import Finding

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def alive() -> Response:
    """The store is not asked: a restart would not mend it."""
    return jsonify({"status": "ok"})


@blueprint.get("/readyz")
def ready() -> tuple[Response, int]:
    """503 where a check fails; `?exclude=jobs` leaves one out, as often as it is given."""
    excluded = request.args.getlist("exclude")
    if unknown := set(excluded) - set(receiver().readiness.names):
        raise BadFields({"exclude": [f"there is no check {name}" for name in sorted(unknown)]})
    found = receiver().readiness.findings(excluded)
    is_ready = all(finding.ok for finding in found.values())
    with_figures = may_read_details()
    checks = {name: _told(finding, with_figures) for name, finding in found.items()}
    told = {"status": "ok" if is_ready else "failing", "checks": checks}
    # Which version runs tells strangers what may be tried on it.
    told |= {"version": version()} if with_figures else {}
    return jsonify(told), 200 if is_ready else 503


def _told(finding: Finding, with_figures: bool) -> dict[str, Any]:
    told = {"status": "ok" if finding.ok else "failing", "message": finding.message}
    return told | finding.figures if with_figures else told
