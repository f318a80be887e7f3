"""Who comes in, and how often: the token first, then the limits, before anything is looked at."""

from __future__ import annotations

import logging

from flask import Flask, Response, request

from db.request_counts import CountsUnavailable
from settings import Settings
from webhook_receiver import auth, operations
from webhook_receiver.addresses import origin
from webhook_receiver.context import receiver
from webhook_receiver.errors import RETRY_AFTER_SECONDS, STORE_UNAVAILABLE, Refused, refusal

logger = logging.getLogger(__name__)


def register(app: Flask) -> None:
    marks = auth.UseMarks()
    app.before_request(lambda: _admit(marks))
    app.after_request(_count_failure)


def _admit(marks: auth.UseMarks) -> None:
    """Raises `Unauthorized` and `Refused` (429, or 503 where the counts cannot be kept)."""
    operation = operations.current()
    if operation is None:
        return
    who = str(auth.authenticate(marks).token_id) if operation.needs_token else _origin()
    for rate in _RATES[operation.rate]:
        _count(rate, who)


def _count_failure(response: Response) -> Response:
    """Whoever keeps on failing to authenticate is told to wait; a right token or signature still passes."""
    if response.status_code != 401:
        return response
    try:
        _count("failures", _origin())
    except Refused as error:
        return refusal(error)
    return response


_RATES: dict[operations.Rate, tuple[str, ...]] = {
    "requests": ("requests",),
    "commands": ("requests", "commands"),
    "webhooks": ("webhooks",),
    "none": (),
}


def _limit(settings: Settings, rate: str) -> int:
    return {
        "requests": settings.rate_limit_per_minute,
        "commands": settings.commands_per_minute,
        "webhooks": settings.webhooks_per_minute,
        "failures": settings.auth_failures_per_minute,
    }[rate]


def _count(rate: str, who: str) -> None:
    limit = _limit(receiver().settings, rate)
    if not limit:
        return
    try:
        seconds = receiver().counts.take(f"{rate}:{who}", limit)
    except CountsUnavailable as error:
        # Better nobody for a moment than everybody without limit.
        logger.warning("requests cannot be counted: %s", error)
        raise Refused(503, STORE_UNAVAILABLE, retry_after=RETRY_AFTER_SECONDS) from error
    if seconds is not None:
        raise Refused(429, f"too many {_NAMES[rate]}, try again in {seconds} s", retry_after=seconds)


_NAMES = {
    "requests": "requests",
    "commands": "commands",
    "webhooks": "webhooks",
    "failures": "failed authentications",
}


def _origin() -> str:
    forwarded = request.headers.get("X-Forwarded-For", "")
    return origin(request.remote_addr or "", forwarded, receiver().settings.proxies)
