"""Each request gets an id, one line in the log, and its place in the metrics, whoever answers it."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable
from functools import cache
from typing import Any, Self
from uuid import uuid4

from flask import Flask, Request

import log
from webhook_receiver.context import of
from webhook_receiver.metrics import METHODS, Metrics

logger = logging.getLogger("webhook_receiver.access")

HEADER = "X-Request-ID"
# What is known of a request, in the environment of WSGI: when its body was there, set by the gateway, and
# whose token it carries.
BEGAN = "receiver.began"
USER = "receiver.user"
_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Our rules' converters, such as <int(max=9):transaction_id>, are of no interest to a reader.
_CONVERTER = re.compile(r"<[^<>]*:(\w+)>")
_UNMATCHED = "unmatched"
_GIVEN = f"HTTP_{HEADER.upper().replace('-', '_')}"
# Where Flask leaves its request until it is answered.
_REQUEST = "werkzeug.request"
WEBHOOKS = frozenset({"/api/ocpp/webhook/", "/api/ocpp/webhook/batch/"})


class Watched:
    """A request until it is answered. Whoever answers it sets `status`, `route` and `user`."""

    def __init__(self, metrics: Metrics, method: str, given_id: str | None, began: float | None = None):
        self.request_id = sane_id(given_id)
        self.status, self.route, self.user = 500, _UNMATCHED, "-"
        self._metrics, self._method = metrics, method
        self._began = began or time.perf_counter()

    def __enter__(self) -> Self:
        self._outer = log.request_id.set(self.request_id)
        self._metrics.in_progress.inc()
        return self

    def __exit__(self, *_error: object) -> None:
        self._metrics.in_progress.dec()
        seconds = time.perf_counter() - self._began
        self._metrics.request(self._method, self.route, self.status, seconds)
        tell(self._method, self.route, self.status, seconds, self.user)
        log.request_id.reset(self._outer)


def register(app: Flask) -> None:
    """Has to come after everything else that is put around the app: what comes last begins first."""
    wsgi_app, metrics = app.wsgi_app, of(app).metrics

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        with Watched(metrics, environ["REQUEST_METHOD"], environ.get(_GIVEN), environ.get(BEGAN)) as watched:

            def start(line: str, headers: list[tuple[str, str]], exc_info: object = None) -> Any:
                watched.status, watched.route = int(line[:3]), _route(environ)
                watched.user = environ.get(USER, "-")
                return start_response(line, [*headers, (HEADER, watched.request_id)], exc_info)

            return wsgi_app(environ, start)

    app.wsgi_app = answer  # type: ignore[method-assign]


def sane_id(given: str | None) -> str:
    """The id that the caller gave, if it is one; else a new one."""
    return given if given and _SANE.fullmatch(given) else uuid4().hex


def tell(method: str, route: str, status: int, seconds: float, user: str = "-") -> None:
    """The line of one request: no query, no header, no body. Below INFO where it is a webhook that was taken:
    of those there are too many, and the metrics count them.
    """
    level = logging.DEBUG if status == 200 and route in WEBHOOKS else logging.INFO
    if not logger.isEnabledFor(level):
        return
    logger.log(
        level,
        "request",
        extra={
            "is_clean": True,
            "fields": {
                "method": method if method in METHODS else "-",
                "route": route,
                "status": status,
                "ms": round(seconds * 1000, 1),
                "user": user,
            },
        },
    )


def _route(environ: dict[str, Any]) -> str:
    """The rule that matched, never the address itself: that may hold anything, and there are endless many."""
    request: Request | None = environ.get(_REQUEST)
    rule = request.url_rule if request else None
    return _without_converters(rule.rule) if rule else _UNMATCHED


@cache
def _without_converters(rule: str) -> str:
    return _CONVERTER.sub(r"<\1>", rule)


def observe_refusal(app: Flask, method: str, given_id: str | None, status: int) -> dict[str, str]:
    """Tell of a request that never reached the app; returns headers for its answer."""
    with Watched(of(app).metrics, method, given_id) as watched:
        watched.status = status
    return {HEADER.lower(): watched.request_id}
