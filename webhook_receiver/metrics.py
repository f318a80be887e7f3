"""What the receiver counts; `metrics_page` tells it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from sqlalchemy import Engine

from ocpp_integration.events import PAYLOADS
from ocpp_integration.metrics import BackendMetrics
from webhook_receiver.store_metrics import StoreCollector

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """One app's metrics, in a registry of its own. No label takes a value that a stranger makes up."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.backend = BackendMetrics(self.registry)
        self.in_progress = Gauge(
            "mengedmate_requests_in_progress", "Requests being answered", registry=self.registry
        )
        self._requests = Counter(
            "mengedmate_requests",
            "Requests answered, by route",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "mengedmate_request_seconds",
            "Seconds from a request's last byte to its answer",
            ("method", "route"),
            registry=self.registry,
            buckets=_SECONDS,
        )
        self._webhooks = Counter(
            "mengedmate_webhooks",
            "Webhooks by type and by what became of them",
            ("type", "outcome"),
            registry=self.registry,
        )

        # To find a child by its labels costs more than to count in it. There are few, see above.
        self._child: Callable[..., Any] = cache(lambda metric, *labels: metric.labels(*labels))

    def watch_store(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        """Tell what the store knows, too."""
        self.registry.register(StoreCollector(engine, clock))

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        known = method if method in METHODS else "other"
        self._child(self._requests, known, route, str(status)).inc()
        self._child(self._seconds, known, route).observe(seconds)

    def webhook(self, kind: str | None, outcome: str) -> None:
        """`outcome` is recorded, duplicate, conflict, invalid, unsigned or unavailable."""
        self._child(self._webhooks, kind if kind in PAYLOADS else "other", outcome).inc()
