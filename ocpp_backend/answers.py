"""How the locator API answers, refuses and fails: always JSON."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ocpp_backend.failures import Failure

_log = logging.getLogger(__name__)


class Json(Response):
    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


class RequireKey:
    """Lets requests to the locator API pass only with `Authorization: Bearer <key>`."""

    def __init__(self, app: ASGIApp, key: str):
        self._app = app
        self._expected = f"Bearer {key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        guarded = scope["type"] == "http" and scope["path"].startswith("/api/")
        if guarded and not hmac.compare_digest(_authorization(scope), self._expected):
            refusal = Failure(401, "unauthorized", "A valid API key is needed.")
            await _refuse(refusal, {"WWW-Authenticate": "Bearer"})(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _authorization(scope: Scope) -> bytes:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    return next((value for name, value in headers if name == b"authorization"), b"")


def _refuse(failure: Failure, headers: Mapping[str, str] | None = None) -> Json:
    body = {"error": failure.message, "code": failure.code, **failure.more}
    return Json(body, failure.status, headers)


async def _on_failure(_request: Request, error: Exception) -> Json:
    assert isinstance(error, Failure)  # noqa: S101 - registered for it only
    return _refuse(error, {"Retry-After": "10"} if error.status == 503 else None)


async def _on_http(_request: Request, error: Exception) -> Json:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it only
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    return _refuse(Failure(error.status_code, code, f"{error.detail}."), error.headers)


async def _on_store(_request: Request, error: Exception) -> Json:
    _log.error("the store failed: %s", error)
    return _refuse(Failure(503, "store_unavailable", "The store does not answer."), {"Retry-After": "5"})


async def _on_error(_request: Request, _error: Exception) -> Json:
    return _refuse(Failure(500, "internal_error", "Something failed here; the log says what."))


EXCEPTION_HANDLERS: dict[Any, Callable[..., Any]] = {
    Failure: _on_failure,
    HTTPException: _on_http,
    SQLAlchemyError: _on_store,
    Exception: _on_error,
}
