"""The Flask app: webhooks in, REST API out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Flask
from sqlalchemy import Engine

from db.engine import make_engine
from db.inbox import Inbox
from db.models import utc_now
from db.request_counts import RequestCounts
from ocpp_integration.backend import BackendClient
from ocpp_integration.backend_state import StoredState
from ocpp_integration.events import MAX_BODY_BYTES
from ocpp_integration.payments.providers import provider_of
from ocpp_integration.services import OCPPIntegrationService
from settings import Settings
from webhook_receiver import (
    access_log,
    admission,
    errors,
    headers,
    health,
    metrics_page,
    operations,
    webhooks,
)
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
    app = _App(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    # Neither redirect would be JSON.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    engine = engine or make_engine(settings.database_url)
    metrics = metrics or Metrics()
    metrics.watch_store(engine, clock)
    Receiver(
        settings=settings,
        engine=engine,
        inbox=Inbox(engine),
        service=service
        or OCPPIntegrationService(
            settings=settings,
            engine=engine,
            backend=BackendClient(settings, watcher=StoredState(engine), observe=metrics.backend.observe),
            clock=clock,
        ),
        counts=RequestCounts(engine),
        clock=clock,
        metrics=metrics,
        readiness=Readiness(engine, clock),
        provider=provider_of(settings, engine),
    ).attach(app)
    errors.register(app)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(metrics_page.blueprint)
    app.register_blueprint(webhooks.blueprint)
    admission.register(app)
    operations.register(app)
    headers.register(app)
    access_log.register(app)
    return app


class _App(Flask):
    """Flask without its look, at every call, for whether one of ours is a coroutine."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func
