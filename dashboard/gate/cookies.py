"""The session's cookie in answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from dashboard.gate.signing import CSRF_COOKIE, SESSION_COOKIE


def begin_session(answer: Response, request: Request, cookie: str, lasting: timedelta) -> None:
    answer.set_cookie(SESSION_COOKIE, cookie, max_age=int(lasting.total_seconds()), **flags(request))
    answer.delete_cookie(CSRF_COOKIE, path="/")


def flags(request: Request) -> dict[str, Any]:
    return {"path": "/", "httponly": True, "samesite": "lax", "secure": request.url.scheme == "https"}
