"""Each request gets an id, one line in the log, and its place in the metrics."""

from __future__ import annotations

import logging
import re
import time
from functools import cache
from uuid import uuid4

from flask import Flask, Response, g, request

import log
from webhook_receiver.context import of, receiver
from webhook_receiver.metrics import METHODS

logger = logging.getLogger("webhook_receiver.access")

HEADER = "X-Request-ID"
# Set by the gateway when the body was there, in the environment of WSGI.
BEGAN = "receiver.began"
_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Our rules' converters, such as <int(max=9):transaction_id>, are of no interest to a reader.
_CONVERTER = re.compile(r"<[^<>]*:(\w+)>")
_UNMATCHED = "unmatched"
WEBHOOKS = frozenset({"/api/ocpp/webhook/", "/api/ocpp/webhook/batch/"})


def register(app: Flask) -> None:
    """Has to come before everything else: what is registered first begins first and ends last."""
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_forget)


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


def _begin() -> None:
    log.request_id.set(sane_id(request.headers.get(HEADER)))
    g.began = request.environ.get(BEGAN) or time.perf_counter()
    receiver().metrics.in_progress.inc()


def _end(response: Response) -> Response:
    seconds = time.perf_counter() - g.began
    response.headers[HEADER] = log.request_id.get()
    method, route, status = request.method, _route(), response.status_code
    receiver().metrics.request(method, route, status, seconds)
    tell(method, route, status, seconds, _user())
    return response


def _forget(_error: BaseException | None) -> None:
    receiver().metrics.in_progress.dec()
    log.request_id.set("")


def _route() -> str:
    """The rule that matched, never the address itself: that may hold anything, and there are endless many."""
    rule = request.url_rule
    return _without_converters(rule.rule) if rule else _UNMATCHED


@cache
def _without_converters(rule: str) -> str:
    return _CONVERTER.sub(r"<\1>", rule)


def _user() -> str:
    caller = g.get("caller")
    return str(caller.user_id) if caller else "-"


def observe_refusal(app: Flask, method: str, given_id: str | None, status: int) -> dict[str, str]:
    """Tell of a request that never reached the app; returns headers for its answer."""
    current = log.request_id.set(sane_id(given_id))
    try:
        of(app).metrics.request(method, _UNMATCHED, status, 0.0)
        tell(method, _UNMATCHED, status, 0.0)
        return {HEADER.lower(): log.request_id.get()}
    finally:
        log.request_id.reset(current)
