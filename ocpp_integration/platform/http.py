"""GET requests to MengedMate: what is repeated, and what counts as an answer."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import orjson

from db.models import utc_now
from ocpp_integration.platform.errors import PlatformRefused, PlatformSilent
from ocpp_integration.transport import Answer, HttpTransport, TransportError

REQUEST_SECONDS = 30.0
MAX_PAUSE = 60.0
TRIES = 4
REPEATABLE_STATUSES = frozenset({429, 500, 502, 503, 504})
CONNECTIONS = 8


class PlatformHttp:
    """Sends the token with each request, and none to another origin than that of `base_url`."""

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        seconds: float = REQUEST_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[float, float], float] = random.uniform,
    ):
        origin = urlsplit(base_url)._replace(path="", query="", fragment="").geturl()
        self._http = HttpTransport(origin, seconds=seconds, connections=CONNECTIONS)
        self._headers = {"Authorization": f"Token {token}", "Accept": "application/json"}
        self._sleep = sleep
        self._jitter = jitter

    def get(self, url: str) -> Any:
        """The answer's JSON. Raises a `PlatformError` after several tries, or at once where none can help."""
        for attempt in range(TRIES - 1):
            try:
                return self._once(url)
            except PlatformRefused as error:
                if error.status not in REPEATABLE_STATUSES:
                    raise
                self._pause(attempt, error.retry_after)
            except PlatformSilent:
                self._pause(attempt)
        return self._once(url)

    def _pause(self, attempt: int, asked: float | None = None) -> None:
        longest = min(MAX_PAUSE, 0.5 * 2**attempt)
        self._sleep(min(MAX_PAUSE, asked) if asked is not None else self._jitter(0, longest))

    def _once(self, url: str) -> Any:
        target = urlsplit(url)._replace(scheme="", netloc="", fragment="").geturl()
        try:
            answer = self._http.exchange("GET", target, body=None, headers=self._headers)
        except TransportError as error:
            raise PlatformSilent(f"MengedMate {error}.") from error
        return _decoded(answer)


def _decoded(answer: Answer) -> Any:
    if answer.status != 200:
        raise PlatformRefused(_refusal(answer.status), answer.status, answer.retry_after(utc_now()))
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        raise PlatformSilent("MengedMate's answer is no JSON.") from error


def _refusal(status: int) -> str:
    if status in (401, 403):
        return f"MengedMate refuses MENGEDMATE_TOKEN ({status})."
    if 300 <= status < 400:
        return (
            f"MengedMate answered with a redirect ({status}), which is not followed: is MENGEDMATE_URL right?"
        )
    return f"MengedMate answered {status}."
