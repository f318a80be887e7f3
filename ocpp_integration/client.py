"""A client of the receiver's REST API, for scripts and for other software."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO
from urllib.parse import parse_qs, quote, urlsplit
from uuid import UUID, uuid4

import orjson
import requests
from requests.auth import AuthBase

from ocpp_integration import events

CONNECT_TIMEOUT = 3.0
FURTHER_TRIES = 3
MAX_PAUSE = 10.0
_REPEATED_STATUSES = frozenset({502, 503, 504})

Response = dict[str, Any]


class OCPPIntegrationClient:
    """Each method returns `status_code`, `success` and `data` (the decoded JSON), and raises nothing of the
    network's: where no usable answer came, `success` is False and `data` is `{"error": ...}`; where none
    came at all, `status_code` is None.

    Lists hold at most 100 objects unless `limit` asks otherwise; where more follow, the answer has
    `next_cursor`, to be given as `cursor`. Reads are repeated when they fail in passing; what changes
    something is sent once, and what became of it is found out by reading.
    """

    def __init__(
        self,
        base_url: str = "http://localhost:8080",
        auth_token: str | None = None,
        *,
        webhook_secret: str | None = None,
        timeout: float = 30,
        http: requests.Session | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self._api = base_url.rstrip("/").removesuffix("/api/ocpp") + "/api/ocpp"
        self._auth = _Token(auth_token)
        self._webhook_secrets = webhook_secret.split() if webhook_secret else []
        self._timeout = timeout
        self._http = http or requests.Session()
        self._sleep = sleep

    def sync_station(
        self, charging_station_id: UUID | str, vendor: str | None = None, model: str | None = None
    ) -> Response:
        """Tell the OCPP backend about a station, by the platform's id of it."""
        return self._post(
            "/sync-station/", charging_station_id=charging_station_id, vendor=vendor, model=model
        )

    def initiate_charging(
        self,
        station_id: str,
        connector_id: int,
        user_id: UUID | str,
        payment_transaction_id: str,
        payment_method: str | None = None,
        owner_id: str | None = None,
        owner_name: str | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Response:
        """Start charging. Sent again with the same `idempotency_key`, it starts nothing a second time."""
        return self._post(
            "/initiate-charging/",
            idempotency_key,
            station_id=station_id,
            connector_id=connector_id,
            user_id=user_id,
            payment_transaction_id=payment_transaction_id,
            payment_method=payment_method,
            owner_id=owner_id,
            owner_name=owner_name,
        )

    def stop_charging(
        self, transaction_id: int, user_id: UUID | str | None = None, *, idempotency_key: str | None = None
    ) -> Response:
        return self._post("/stop-charging/", idempotency_key, transaction_id=transaction_id, user_id=user_id)

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
        return self._send("POST", "/webhook/", auth=_Token(None), data=body, headers=headers)

    def print_response(self, response: Mapping[str, Any], file: TextIO | None = None) -> None:
        """The status and the data, indented, to `file` (standard output)."""
        shown = orjson.dumps(response["data"], option=orjson.OPT_INDENT_2, default=str).decode()
        status = response["status_code"] or "no answer"
        print(f"Status: {status}\n{shown}", file=file or sys.stdout)

    def _get(self, path: str, **parameters: object) -> Response:
        for attempt in range(FURTHER_TRIES):
            response, retry_after = self._try("GET", path, params=_known(**parameters))
            if response["status_code"] is not None and response["status_code"] not in _REPEATED_STATUSES:
                return response
            self._sleep(_pause(attempt, retry_after))
        return self._send("GET", path, params=_known(**parameters))

    def _post(self, path: str, idempotency_key: str | None = None, **fields: object) -> Response:
        headers = {"Content-Type": "application/json"}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        return self._send("POST", path, data=_encode(_known(**fields)), headers=headers)

    def _send(self, method: str, path: str, **request: Any) -> Response:
        return self._try(method, path, **request)[0]

    def _try(self, method: str, path: str, **request: Any) -> tuple[Response, str | None]:
        """One request: the answer, and its `Retry-After`."""
        try:
            answer = self._http.request(
                method,
                self._api + path,
                timeout=(CONNECT_TIMEOUT, self._timeout),
                allow_redirects=False,
                **{"auth": self._auth} | request,
            )
        except requests.RequestException as error:
            failure = {"error": f"no answer from {self._api}: {error}"}
            return {"status_code": None, "success": False, "data": failure}, None
        return _decoded(answer), answer.headers.get("Retry-After")


class _Token(AuthBase):
    """Without an authentication of its own, `requests` would take one from a `.netrc` file."""

    def __init__(self, token: str | None):
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Token {self._token}"
        return request


def _decoded(answer: requests.Response) -> Response:
    try:
        data = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        failure = {"error": f"the answer ({answer.status_code}) is not JSON"}
        return {"status_code": answer.status_code, "success": False, "data": failure}
    success = 200 <= answer.status_code < 300
    response: Response = {"status_code": answer.status_code, "success": success, "data": data}
    following = answer.links.get("next", {}).get("url", "")
    if cursor := parse_qs(urlsplit(following).query).get("cursor"):
        response["next_cursor"] = cursor[0]
    return response


def _pause(attempt: int, retry_after: str | None) -> float:
    """Seconds until the next try: what the receiver asks for, else a growing time with full jitter."""
    if retry_after is not None and retry_after.isdecimal():
        return min(MAX_PAUSE, float(retry_after))
    return random.uniform(0, min(MAX_PAUSE, 0.5 * 2**attempt))  # noqa: S311 - spreads load, guards nothing


def _known(**values: object) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _encode(value: object) -> bytes:
    """JSON; ids and decimals become text."""
    return orjson.dumps(value, default=str)
