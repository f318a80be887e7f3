"""HTTP to the OCPP backend (its locator API)."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson
import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

import log
from ocpp_integration.errors import BackendDown, BackendError, BackendRefused, BackendSilent
from ocpp_integration.transport import http_session
from settings import Settings

CONNECT_TIMEOUT = 3.0
MAX_ANSWER_BYTES = 5 * 1024 * 1024
MAX_PAUSE = 60.0
_REPEATABLE_STATUSES = frozenset({429, 500, 502, 503, 504})

Answer = dict[str, Any]
# Told of each request: its call (such as sync-station), its outcome (ok, refused, silent, down), its seconds.
Observer = Callable[[str, str, float], None]


class BackendClient:
    """The four calls of the locator API. Each returns the answer's JSON object or raises a `BackendError`.

    Reading and syncing may be repeated and are, with growing, jittered pauses. Starting and stopping are
    sent once: what became of an unanswered one is found out by reading.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        http: requests.Session | None = None,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[float, float], float] = random.uniform,
        observe: Observer = lambda _call, _outcome, _seconds: None,
    ):
        self._base = settings.ocpp_settings["BASE_URL"]
        self._timeout = settings.ocpp_timeout
        self._attempts = settings.ocpp_retry_attempts
        self._http = http or http_session()
        self._sleep = sleep
        self._jitter = jitter
        self._observe = observe
        if key := settings.ocpp_settings["API_KEY"]:
            self._http.headers["Authorization"] = f"Bearer {key}"

    def sync_station(self, station: Mapping[str, Any]) -> Answer:
        return self._repeated("POST", "/api/locator/sync-station/", station)

    def initiate_charging(self, request: Mapping[str, Any]) -> Answer:
        return self._once("POST", "/api/locator/initiate-charging/", request)

    def session(self, transaction_id: int) -> Answer:
        return self._repeated("GET", f"/api/locator/session/{transaction_id}/")

    def stop_charging(self, request: Mapping[str, Any]) -> Answer:
        return self._once("POST", "/api/locator/stop-charging/", request)

    def _repeated(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        for attempt in range(self._attempts):
            try:
                return self._once(method, path, body)
            except BackendRefused as error:
                if error.status not in _REPEATABLE_STATUSES:
                    raise
                self._pause(attempt, error.retry_after)
            except BackendError:
                self._pause(attempt)
        return self._once(method, path, body)

    def _pause(self, attempt: int, asked: float | None = None) -> None:
        longest = min(MAX_PAUSE, 0.5 * 2**attempt)
        self._sleep(min(MAX_PAUSE, asked) if asked is not None else self._jitter(0, longest))

    def _once(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        began, outcome = time.monotonic(), "silent"
        try:
            answer = self._send(method, path, body)
            outcome = "ok"
        except (BackendDown, BackendRefused) as error:
            outcome = "down" if isinstance(error, BackendDown) else "refused"
            raise
        else:
            return answer
        finally:
            self._observe(path.split("/")[3], outcome, time.monotonic() - began)

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        deadline = time.monotonic() + self._timeout
        try:
            with self._http.request(
                method,
                self._base + path,
                json=body,
                headers={"X-Request-ID": log.request_id.get() or None},
                timeout=(CONNECT_TIMEOUT, self._timeout),
                allow_redirects=False,
                stream=True,
            ) as response:
                return _answer(response, _read(response, deadline))
        except requests.ConnectTimeout as error:
            raise BackendDown("The OCPP backend does not answer.") from error
        except requests.ConnectionError as error:
            if _never_connected(error):
                raise BackendDown("The OCPP backend cannot be reached.") from error
            raise BackendSilent("The connection to the OCPP backend was cut.") from error
        except (requests.Timeout, ReadTimeoutError) as error:
            raise BackendSilent("The OCPP backend gave no answer in time.") from error
        except (requests.RequestException, HTTPError) as error:
            raise BackendSilent(f"The OCPP backend's answer cannot be read: {error}") from error


def _read(response: requests.Response, deadline: float) -> bytes:
    """The body, unless it is too large or drips in for longer than the whole request may take."""
    parts = bytearray()
    # read1 comes back with what is there; a plain read waits until its buffer is full, however slowly.
    while part := response.raw.read1(64 * 1024, decode_content=True):
        parts += part
        if len(parts) > MAX_ANSWER_BYTES:
            raise BackendSilent("The OCPP backend's answer is too large.")
        if time.monotonic() > deadline:
            raise BackendSilent("The OCPP backend gave no answer in time.")
    return bytes(parts)


def _answer(response: requests.Response, body: bytes) -> Answer:
    try:
        decoded = orjson.loads(body)
    except orjson.JSONDecodeError:
        decoded = None
    if response.status_code == 200 and isinstance(decoded, dict):
        return decoded
    if response.status_code == 200:
        raise BackendSilent("The OCPP backend's answer is no JSON object.")
    told = decoded if isinstance(decoded, dict) else {}
    message = str(told.get("error") or f"The OCPP backend answered {response.status_code}.")
    raise BackendRefused(
        message,
        response.status_code,
        str(told.get("code") or ""),
        _retry_after(response),
        transaction_id=told.get("transaction_id"),
    )


def _retry_after(response: requests.Response) -> float | None:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else None


def _never_connected(error: requests.ConnectionError) -> bool:
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return type(reason).__name__ in ("NewConnectionError", "NameResolutionError")
