"""Who comes in, and how often: the token first, then the limits, before anything is looked at."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, Response, request

from db.request_counts import CountsUnavailable
from settings import Settings
from webhook_receiver import auth, operation, operations
from webhook_receiver.addresses import origin
from webhook_receiver.context import Receiver, receiver
from webhook_receiver.errors import RETRY_AFTER_SECONDS, STORE_UNAVAILABLE, Refused, response_to

logger = logging.getLogger(__name__)


def register(app: Flask) -> None:
    marks = auth.UseMarks()
    app.before_request(lambda: _admit(marks))
    app.after_request(_count_failure)


def _admit(marks: auth.UseMarks) -> None:
    """Raises `Unauthorized` and `Refused` (429, or 503 where the counts cannot be kept)."""
    asked = operations.current()
    if asked is None:
        return
    who = auth.authenticate(marks).token_id if asked.needs_token else _origin()
    for rate in _RATES[asked.rate]:
        count(receiver(), rate, who)


def count_events(further: int) -> None:
    """Count the events of a batch beyond its first, which was counted as the request that it came with.

    A batch that was let in is taken whole, and those after it wait for as long as it went beyond the limit:
    else one that is larger than the limit could never come in. Raises `Refused` (503).
    """
    if further > 0:
        _take(receiver(), WEBHOOKS, _origin(), further)


def _count_failure(response: Response) -> Response:
    """Whoever keeps on failing to authenticate is told to wait; a right token or signature still passes."""
    if response.status_code != 401:
        return response
    try:
        count(receiver(), FAILURES, _origin())
    except Refused as error:
        return response_to(error)
    return response


@dataclass(frozen=True)
class Rate:
    """What is counted under `key`; `limit` is the number of it in a minute, 0 for any number."""

    key: str
    name: str
    limit: Callable[[Settings], int]


_REQUESTS = Rate("requests", "requests", lambda settings: settings.rate_limit_per_minute)
_COMMANDS = Rate("commands", "commands", lambda settings: settings.commands_per_minute)
WEBHOOKS = Rate("webhooks", "webhooks", lambda settings: settings.webhooks_per_minute)
FAILURES = Rate("failures", "failed authentications", lambda settings: settings.auth_failures_per_minute)
_PAYMENTS = Rate("payments", "payments", lambda settings: settings.payments_per_minute)

_RATES: dict[operation.Rate, tuple[Rate, ...]] = {
    "requests": (_REQUESTS,),
    "commands": (_REQUESTS, _COMMANDS),
    "webhooks": (WEBHOOKS,),
    "payments": (_REQUESTS, _PAYMENTS),
    "none": (),
}


def count(receiver: Receiver, rate: Rate, who: str | int) -> None:
    """Count a request for `who`, a token's id or where it comes from. Raises `Refused` (429 or 503)."""
    seconds = _take(receiver, rate, who)
    if seconds is not None:
        raise Refused(429, f"too many {rate.name}, try again in {seconds} s", retry_after=seconds)


def _take(receiver: Receiver, rate: Rate, who: str | int, events: int = 1) -> int | None:
    """Seconds to wait where that is more than the limit, else None."""
    limit = rate.limit(receiver.settings)
    if not limit:
        return None
    try:
        return receiver.counts.take(f"{rate.key}:{who}", limit, events)
    except CountsUnavailable as error:
        # Better nobody for a moment than everybody without limit.
        logger.warning("requests cannot be counted: %s", error)
        raise Refused(503, STORE_UNAVAILABLE, retry_after=RETRY_AFTER_SECONDS) from error


def _origin() -> str:
    forwarded = request.headers.get("X-Forwarded-For", "")
    return origin_of(receiver().settings, request.remote_addr or "", forwarded)


def origin_of(settings: Settings, peer: str, forwarded: str) -> str:
    return origin(peer, forwarded, settings.proxies)
