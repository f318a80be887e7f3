"""What every request works with, built once by `webhook_receiver.app.make_app`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from flask import Flask, current_app
from sqlalchemy import Engine

from db.inbox import Inbox
from db.request_counts import RequestCounts
from ocpp_integration.payments.provider import Provider
from ocpp_integration.services import OCPPIntegrationService
from settings import Settings
from webhook_receiver.metrics import Metrics
from webhook_receiver.readiness import Readiness

_NAME = "receiver"


@dataclass(frozen=True, kw_only=True)
class Receiver:
    settings: Settings
    engine: Engine
    inbox: Inbox
    service: OCPPIntegrationService
    counts: RequestCounts
    clock: Callable[[], datetime]
    metrics: Metrics
    readiness: Readiness
    provider: Provider | None = None

    def attach(self, app: Flask) -> None:
        app.extensions[_NAME] = self

    def close(self) -> None:
        """Commit the events that wait, and let go of the store."""
        self.inbox.close()
        self.counts.close()
        self.engine.dispose()


def receiver() -> Receiver:
    """The receiver that serves the current request."""
    return of(current_app)


def of(app: Flask) -> Receiver:
    return cast(Receiver, app.extensions[_NAME])
