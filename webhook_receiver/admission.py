"""Who comes in, and how often: the token first, then the limits, before anything is looked at."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, Response, request

from db.request_counts import CountsUnavailable
from settings import Settings
from webhook_receiver import auth, operations, waiting
from webhook_receiver.addresses import origin
from webhook_receiver.context import receiver
from webhook_receiver.errors import RETRY_AFTER_SECONDS, STORE_UNAVAILABLE, Refused, refusal
from webhook_receiver.operation import Rate

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
    token_id = auth.authenticate(marks).token_id if operation.needs_token else None
    for rate in _RATES[operation.rate]:
        _count(rate, token_id)


def count_events(further: int) -> None:
    """Count the events of a batch beyond its first, which was counted as the request that it came with.

    A batch that was let in is taken whole, and those after it wait for as long as it went beyond the limit:
    else one that is larger than the limit could never come in. Raises `Refused` (503).
    """
    if further > 0:
        _take(_WEBHOOKS, None, further)


def _count_failure(response: Response) -> Response:
    """Whoever keeps on failing to authenticate is told to wait; a right token or signature still passes."""
    if response.status_code != 401:
        return response
    try:
        _count(_FAILURES)
    except Refused as error:
        return refusal(error)
    return response


@dataclass(frozen=True)
class _Rate:
    """What is counted under `key`; `limit` is the number of it in a minute, 0 for any number."""

    key: str
    name: str
    limit: Callable[[Settings], int]


_REQUESTS = _Rate("requests", "requests", lambda settings: settings.rate_limit_per_minute)
_COMMANDS = _Rate("commands", "commands", lambda settings: settings.commands_per_minute)
_WEBHOOKS = _Rate("webhooks", "webhooks", lambda settings: settings.webhooks_per_minute)
_FAILURES = _Rate("failures", "failed authentications", lambda settings: settings.auth_failures_per_minute)

_PAYMENTS = _Rate("payments", "payments", lambda settings: settings.payments_per_minute)

_RATES: dict[Rate, tuple[_Rate, ...]] = {
    "requests": (_REQUESTS,),
    "commands": (_REQUESTS, _COMMANDS),
    "webhooks": (_WEBHOOKS,),
    "payments": (_REQUESTS, _PAYMENTS),
    "none": (),
}


def _count(rate: _Rate, token_id: int | None = None) -> None:
    """Count the request for its token; without one, for where it comes from."""
    seconds = _take(rate, token_id)
    if seconds is not None:
        raise Refused(429, f"too many {rate.name}, try again in {seconds} s", retry_after=seconds)


def _take(rate: _Rate, token_id: int | None, count: int = 1) -> int | None:
    """Seconds to wait where that is more than the limit, else None."""
    limit = rate.limit(receiver().settings)
    if not limit:
        return None
    who = _origin() if token_id is None else token_id
    try:
        return waiting.blocking(receiver().counts.take, f"{rate.key}:{who}", limit, count)
    except CountsUnavailable as error:
        # Better nobody for a moment than everybody without limit.
        logger.warning("requests cannot be counted: %s", error)
        raise Refused(503, STORE_UNAVAILABLE, retry_after=RETRY_AFTER_SECONDS) from error


def _origin() -> str:
    forwarded = request.headers.get("X-Forwarded-For", "")
    return origin(request.remote_addr or "", forwarded, receiver().settings.proxies)
