"""A client of the receiver's REST API, for scripts and for other software."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO
from urllib.parse import parse_qs, quote, urlsplit
from uuid import UUID, uuid4

import orjson
import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError

from ocpp_integration import events
from ocpp_integration.client_errors import ClientError, raise_for
from ocpp_integration.transport import http_session

__all__ = ["ClientError", "OCPPIntegrationClient", "Response", "raise_for"]

CONNECT_TIMEOUT = 3.0
FURTHER_TRIES = 3
MAX_PAUSE = 10.0
MAX_ANSWER_BYTES = 64 * 1024 * 1024

Response = dict[str, Any]

# After which answers a request is sent again (None: no answer came). What reads may always be, and what is
# recognised when it comes again; of what is done each time it comes, only what was turned away at the door.
_WHATEVER_FAILED = frozenset({None, 429, 502, 503, 504})
_RECOGNISED = frozenset({None, 409, 429, 503, 504})
_TURNED_AWAY = frozenset({429})


class OCPPIntegrationClient:
    """Each method returns `status_code`, `success` and `data` (the decoded JSON), and raises nothing of the
    network's: where no usable answer came, `success` is False and `data` is `{"error": ...}`; where none
    came at all, `status_code` is None.

    Lists hold at most 100 objects unless `limit` asks otherwise; where more follow, the answer has
    `next_cursor`, to be given as `cursor`. Where the receiver asks to wait, it has `retry_after` (seconds).
    `raise_for(response)` makes an exception of what did not succeed.

    What failed in passing is sent again, up to three times within `patience` seconds: reads, syncs, webhooks
    and commands with an `idempotency_key`. A command without one is sent once, unless it was turned away as
    one too many; what became of it is found out by reading.
    """

    def __init__(
        self,
        base_url: str = "http://localhost:8080",
        auth_token: str | None = None,
        *,
        webhook_secret: str | None = None,
        timeout: float = 30,
        patience: float = 60,
        http: requests.Session | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self._api = base_url.rstrip("/").removesuffix("/api/ocpp") + "/api/ocpp"
        self._auth = _Token(auth_token)
        self._webhook_secrets = webhook_secret.split() if webhook_secret else []
        self._timeout = timeout
        self._patience = patience
        self._http = http or http_session(timeout)
        self._sleep = sleep

    def sync_station(
        self, charging_station_id: UUID | str, vendor: str | None = None, model: str | None = None
    ) -> Response:
        """Tell the OCPP backend about a station, by the platform's id of it."""
        fields = {"charging_station_id": charging_station_id, "vendor": vendor, "model": model}
        return self._post("/sync-station/", fields, _WHATEVER_FAILED)

    def initiate_charging(
        self,
        station_id: str,
        connector_id: int,
        user_id: UUID | str | None,
        payment_transaction_id: str,
        payment_method: str | None = None,
        owner_id: str | None = None,
        owner_name: str | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Response:
        """Start charging, for `user_id` or (None) for whose token this is.

        Sent again with the same `idempotency_key`, it starts nothing a second time.
        """
        fields = {
            "station_id": station_id,
            "connector_id": connector_id,
            "user_id": user_id,
            "payment_transaction_id": payment_transaction_id,
            "payment_method": payment_method,
            "owner_id": owner_id,
            "owner_name": owner_name,
        }
        return self._command("/initiate-charging/", fields, idempotency_key)

    def stop_charging(
        self, transaction_id: int, user_id: UUID | str | None = None, *, idempotency_key: str | None = None
    ) -> Response:
        fields = {"transaction_id": transaction_id, "user_id": user_id}
        return self._command("/stop-charging/", fields, idempotency_key)

    def get_session_status(self, transaction_id: int) -> Response:
        """What the OCPP backend says about a session now."""
        return self._get("/session-status/", transaction_id=transaction_id)

    def list_ocpp_stations(self, *, limit: int | None = None, cursor: str | None = None) -> Response:
        return self._get("/stations/", limit=limit, cursor=cursor)

    def get_ocpp_station(self, station_id: str) -> Response:
        return self._get(f"/stations/{quote(station_id, safe='')}/")

    def list_charging_sessions(
        self, status: str | None = None, *, limit: int | None = None, cursor: str | None = None
    ) -> Response:
        return self._get("/sessions/", status=status, limit=limit, cursor=cursor)

    def get_charging_session(self, transaction_id: int) -> Response:
        return self._get(f"/sessions/{transaction_id}/")

    def list_logs(
        self,
        level: str | None = None,
        station_id: str | None = None,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Response:
        return self._get("/logs/", level=level, station_id=station_id, limit=limit, cursor=cursor)

    def send_webhook(
        self,
        webhook_type: str,
        data: Mapping[str, Any],
        station_id: str | None = None,
        transaction_id: int | None = None,
    ) -> Response:
        """Post an event as the OCPP backend does, signed where the client has a secret."""
        now = datetime.now(UTC)
        event = _known(station_id=station_id, transaction_id=transaction_id)
        body = _encode({"type": webhook_type, "data": data, "timestamp": now.isoformat()} | event)
        headers = events.sign(self._webhook_secrets, str(uuid4()), body.decode(), now)
        request = {"auth": _Token(None), "data": body, "headers": headers}
        return self._send("POST", "/webhook/", _RECOGNISED - {409}, **request)

    def print_response(self, response: Mapping[str, Any], file: TextIO | None = None) -> None:
        """The status and the data, indented, to `file` (standard output)."""
        shown = orjson.dumps(response["data"], option=orjson.OPT_INDENT_2, default=str).decode()
        status = response["status_code"] or "no answer"
        print(f"Status: {status}\n{shown}", file=file or sys.stdout)

    def _get(self, path: str, **parameters: object) -> Response:
        return self._send("GET", path, _WHATEVER_FAILED, params=_known(**parameters))

    def _command(self, path: str, fields: Mapping[str, object], key: str | None) -> Response:
        if key is None:
            return self._post(path, fields, _TURNED_AWAY)
        return self._post(path, fields, _RECOGNISED, **{"Idempotency-Key": key})

    def _post(
        self, path: str, fields: Mapping[str, object], again: Collection[int | None], **headers: str
    ) -> Response:
        headers["Content-Type"] = "application/json"
        return self._send("POST", path, again, data=_encode(_known(**fields)), headers=headers)

    def _send(self, method: str, path: str, again: Collection[int | None], **request: Any) -> Response:
        """The first answer that is not in `again`, or the last one that there was patience for."""
        patience = self._patience
        for attempt in range(FURTHER_TRIES):
            response = self._try(method, path, **request)
            pause = _pause(attempt, response.get("retry_after"))
            if response["status_code"] not in again or pause > patience:
                return response
            patience -= pause
            self._sleep(pause)
        return self._try(method, path, **request)

    def _try(self, method: str, path: str, **request: Any) -> Response:
        deadline = time.monotonic() + self._timeout
        try:
            with self._http.request(
                method,
                self._api + path,
                timeout=(CONNECT_TIMEOUT, self._timeout),
                allow_redirects=False,
                stream=True,
                **{"auth": self._auth} | request,
            ) as answer:
                return _decoded(answer, _read(answer, deadline))
        except (requests.RequestException, HTTPError) as error:
            failure = {"error": f"no answer from {self._api}: {error}"}
            return {"status_code": None, "success": False, "data": failure}


class _Token(AuthBase):
    """Without an authentication of its own, `requests` would take one from a `.netrc` file."""

    def __init__(self, token: str | None):
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Token {self._token}"
        return request


def _read(answer: requests.Response, deadline: float) -> bytes:
    """The body, unless it is too large or drips in for longer than the whole request may take."""
    parts = bytearray()
    while part := answer.raw.read1(64 * 1024, decode_content=True):
        parts += part
        if len(parts) > MAX_ANSWER_BYTES:
            raise requests.RequestException("the answer is too large")
        if time.monotonic() > deadline:
            raise requests.Timeout("the answer took too long")
    return bytes(parts)


def _decoded(answer: requests.Response, body: bytes) -> Response:
    response: Response = {"status_code": answer.status_code, "success": False}
    retry_after = answer.headers.get("Retry-After", "")
    if retry_after.isascii() and retry_after.isdecimal():
        response["retry_after"] = int(retry_after[:9])
    try:
        response["data"] = orjson.loads(body)
    except orjson.JSONDecodeError:
        return response | {"data": {"error": f"the answer ({answer.status_code}) is not JSON"}}
    response["success"] = 200 <= answer.status_code < 300
    following = answer.links.get("next", {}).get("url", "")
    if cursor := parse_qs(urlsplit(following).query).get("cursor"):
        response["next_cursor"] = cursor[0]
    return response


def _pause(attempt: int, retry_after: int | None) -> float:
    """Seconds until the next try: what the receiver asks for, else a growing time with full jitter."""
    if retry_after is not None:
        return float(retry_after)
    return random.uniform(0, min(MAX_PAUSE, 0.5 * 2**attempt))  # noqa: S311 - spreads load, guards nothing


def _known(**values: object) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _encode(value: object) -> bytes:
    """JSON; ids and decimals become text."""
    return orjson.dumps(value, default=str)
