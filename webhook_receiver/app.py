"""The Flask app: webhooks in, REST API out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from flask import Flask
from sqlalchemy import Engine

from db.engine import make_engine
from db.inbox import Inbox
from db.models import utc_now
from db.request_counts import RequestCounts
from ocpp_integration.events import MAX_BODY_BYTES
from ocpp_integration.services import OCPPIntegrationService
from settings import Settings
from webhook_receiver import admission, errors, headers, health, operations, webhooks
from webhook_receiver.context import Receiver


def make_app(
    settings: Settings,
    *,
    engine: Engine | None = None,
    service: OCPPIntegrationService | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> Flask:
    """The receiver for `settings`; end it with `webhook_receiver.context.of(app).close()`."""
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    # Neither redirect would be JSON.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    engine = engine or make_engine(settings.database_url)
    Receiver(
        settings=settings,
        engine=engine,
        inbox=Inbox(engine),
        service=service or OCPPIntegrationService(settings=settings, engine=engine, clock=clock),
        counts=RequestCounts(engine),
        clock=clock,
    ).attach(app)
    errors.register(app)
    headers.register(app)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(webhooks.blueprint)
    admission.register(app)
    operations.register(app)
    return app
