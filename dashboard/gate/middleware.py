"""The outermost ASGI middleware: nothing behind it is reached without a live session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.gate import headers, languages, rules
from dashboard.gate.forms import no_such_page
from dashboard.gate.signing import SESSION_COOKIE
from dashboard.gate.signins import SignedIn, SignIns
from dashboard.gate.sockets import WatchedSocket
from languages import LANGUAGES, speaking


class Gate:
    """Asks `sign_ins` about every request, and adds the security headers to every answer.

    `has_page` says whether somebody has a page at a path, without the slash that it begins with.
    """

    def __init__(
        self, app: ASGIApp, *, sign_ins: SignIns, policy: str, has_page: Callable[[SignedIn, str], bool]
    ):
        self._app = app
        self._sign_ins = sign_ins
        self._policy = policy
        self._has_page = has_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, self._with_headers(scope, send))
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._app if rules.is_open(scope["path"]) else await self._answer(scope)
        await answer(scope, receive, send)

    async def _answer(self, scope: Scope) -> ASGIApp:
        found = await self._signed_in(scope)
        if found is None:
            return _turned_away(scope)
        path = scope["path"].strip("/")
        if rules.names_a_page(scope["method"], scope["path"]) and not self._has_page(found, path):
            return _nowhere(scope, found)
        return self._app

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

    async def _signed_in(self, scope: Scope) -> SignedIn | None:
        cookie = HTTPConnection(scope).cookies.get(SESSION_COOKIE, "")
        return await to_thread.run_sync(self._sign_ins.signed_in, cookie) if cookie else None

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


def _nowhere(scope: Scope, found: SignedIn) -> Response:
    chosen = found.user.language
    with speaking(chosen if chosen and chosen in LANGUAGES else languages.of(Request(scope))):
        return no_such_page()


def _add(answer: MutableHeaders, wanted: Mapping[str, str]) -> None:
    for name, value in wanted.items():
        answer.setdefault(name, value)
