"""The Flask app: webhooks in, REST API out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, Flask
from sqlalchemy import Engine

from db.engine import make_engine
from db.inbox import Inbox
from db.models import utc_now
from ocpp_integration.backend import BackendClient
from ocpp_integration.events import MAX_BODY_BYTES
from ocpp_integration.services import OCPPIntegrationService
from settings import Settings
from webhook_receiver import (
    access_log,
    auth,
    commands,
    errors,
    headers,
    health,
    logs,
    sessions,
    stations,
    webhooks,
)
from webhook_receiver import metrics as metrics_page
from webhook_receiver.context import Receiver
from webhook_receiver.metrics import Metrics
from webhook_receiver.readiness import Readiness


def make_app(
    settings: Settings,
    *,
    engine: Engine | None = None,
    service: OCPPIntegrationService | None = None,
    clock: Callable[[], datetime] = utc_now,
    metrics: Metrics | None = None,
) -> Flask:
    """The receiver for `settings`; end it with `webhook_receiver.context.of(app).close()`."""
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    # Neither redirect would be JSON.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    engine = engine or make_engine(settings.database_url)
    metrics = metrics or Metrics()
    metrics.watch_store(settings, engine, clock)
    Receiver(
        settings=settings,
        engine=engine,
        inbox=Inbox(engine),
        service=service
        or OCPPIntegrationService(
            settings=settings,
            engine=engine,
            backend=BackendClient(settings, observe=metrics.backend.observe),
            clock=clock,
        ),
        clock=clock,
        metrics=metrics,
        readiness=Readiness(settings, engine, clock),
    ).attach(app)
    access_log.register(app)
    errors.register(app)
    headers.register(app)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(metrics_page.blueprint)
    app.register_blueprint(webhooks.blueprint)
    app.register_blueprint(_rest_api())
    return app


def _rest_api() -> Blueprint:
    api = Blueprint("api", __name__, url_prefix="/api/ocpp")
    for part in (stations, sessions, commands, logs):
        api.register_blueprint(part.blueprint)
    marks = auth.UseMarks()
    api.before_request(lambda: auth.authenticate(marks))
    return api
