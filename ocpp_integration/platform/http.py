"""GET requests to MengedMate, bounded in time and size."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import orjson
import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError

from ocpp_integration.platform.errors import PlatformRefused, PlatformSilent
from ocpp_integration.transport import http_session

CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0
REQUEST_SECONDS = 30.0
MAX_ANSWER_BYTES = 5 * 1024 * 1024
MAX_PAUSE = 60.0
TRIES = 4
REPEATABLE_STATUSES = frozenset({429, 500, 502, 503, 504})


class PlatformHttp:
    """Sends the token with each request, so it is for the caller to see that they go to the platform."""

    def __init__(
        self,
        token: str,
        *,
        seconds: float = REQUEST_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[float, float], float] = random.uniform,
    ):
        self._http = http_session()
        # As a header alone it would give way to what a .netrc says of the host.
        self._http.auth = _Token(token)
        self._http.headers["Accept"] = "application/json"
        self._seconds = seconds
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
        deadline = time.monotonic() + self._seconds
        timeout = (CONNECT_SECONDS, min(READ_SECONDS, self._seconds))
        try:
            with self._http.get(url, timeout=timeout, allow_redirects=False, stream=True) as response:
                return _decoded(response, _read(response, deadline))
        except requests.Timeout as error:
            raise PlatformSilent("MengedMate gave no answer in time.") from error
        except requests.ConnectionError as error:
            raise PlatformSilent("MengedMate cannot be reached, or cut the connection.") from error
        except (requests.RequestException, HTTPError) as error:
            raise PlatformSilent("MengedMate's answer cannot be read.") from error


class _Token(AuthBase):
    def __init__(self, token: str):
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Token {self._token}"
        return request


def _read(response: requests.Response, deadline: float) -> bytes:
    parts = bytearray()
    # read1 comes back with what is there; a plain read waits until its buffer is full, however slowly.
    while part := response.raw.read1(64 * 1024, decode_content=True):
        parts += part
        if len(parts) > MAX_ANSWER_BYTES:
            raise PlatformSilent("MengedMate's answer is too large.")
        if time.monotonic() > deadline:
            raise PlatformSilent("MengedMate gave no answer in time.")
    return bytes(parts)


def _decoded(response: requests.Response, body: bytes) -> Any:
    status = response.status_code
    if status != 200:
        asked = response.headers.get("Retry-After", "")
        raise PlatformRefused(_refusal(status), status, float(asked) if asked.isdecimal() else None)
    try:
        return orjson.loads(body)
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
