"""The outermost ASGI middleware: nothing behind it is reached without a live session."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.gate import headers, rules
from dashboard.gate.signing import SESSION_COOKIE
from dashboard.gate.signins import SignIns
from dashboard.gate.sockets import WatchedSocket


class Gate:
    """Asks `sign_ins` about every request, and adds the security headers to every answer."""

    def __init__(self, app: ASGIApp, *, sign_ins: SignIns, policy: str):
        self._app = app
        self._sign_ins = sign_ins
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, self._with_headers(scope, send))
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if rules.is_open(scope["path"]) or await self._is_signed_in(scope):
            await self._app(scope, receive, send)
        else:
            await _turned_away(scope)(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        own = rules.is_own_origin(connection.headers.get("origin"), connection.headers.get("host"))
        cookie = connection.cookies.get(SESSION_COOKIE, "")
        # A session that ended may still open the socket, which then sends the browser to the sign-in form.
        # Refused here, the page would only grey out.
        if own and self._sign_ins.token(cookie):
            watched = WatchedSocket(receive, send, sign_ins=self._sign_ins, cookie=cookie)
            await self._app(scope, watched.receive, watched.send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _is_signed_in(self, scope: Scope) -> bool:
        cookie = HTTPConnection(scope).cookies.get(SESSION_COOKIE, "")
        return bool(cookie) and await to_thread.run_sync(self._sign_ins.user, cookie) is not None

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._secure(MutableHeaders(scope=message), scope["scheme"])
            await send(message)

        return sending

    def _secure(self, answer: MutableHeaders, scheme: str) -> None:
        _add(answer, headers.ALWAYS)
        if scheme == "https":
            _add(answer, headers.UNDER_TLS)
        answer.setdefault("content-security-policy", self._policy)
        if answer.get("content-type", "").startswith("text/html"):
            answer["cache-control"] = "no-store"


def _turned_away(scope: Scope) -> Response:
    if rules.is_page(scope["method"], scope["path"], Headers(scope=scope)):
        query = scope["query_string"].decode("latin-1")
        wanted = scope["path"] + (f"?{query}" if query else "")
        where = "" if wanted == "/" else "?" + urlencode({"next": wanted})
        return RedirectResponse(rules.LOGIN + where, 303)
    return PlainTextResponse("Sign in first.", 401)


def _add(answer: MutableHeaders, wanted: Mapping[str, str]) -> None:
    for name, value in wanted.items():
        answer.setdefault(name, value)
