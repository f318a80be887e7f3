"""Between granian and the Flask app: a request gets a thread only once its body is here, whole.

A WSGI server reads the body from inside the thread that answers, so as many slow senders as there are
threads stop it. Here they cost a socket each, until their time is up. And each kind of request has
threads of its own: calls of the OCPP backend that take long keep no webhook waiting. An answer without a
length is sent piece by piece: a thread makes the next when the last was taken, so a slow reader holds none.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

# granian documents these names but does not list them as exports.
from granian.rsgi import HTTPProtocol, ProtocolClosed, ProtocolError, Scope  # type: ignore[attr-defined]

from webhook_receiver.access_log import BEGAN
from webhook_receiver.door import Post
from webhook_receiver.headers import SECURITY_HEADERS
from webhook_receiver.streaming import ClientLeft, Headers, streaming

logger = logging.getLogger(__name__)

WSGIApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

RETRY_AFTER_SECONDS = 5
_SAME_FOR_ALL = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": False,
    "wsgi.run_once": False,
}
_CGI_NAMES = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True)
class _Begun:
    """An answer whose body is yet to be made. `close` has to be called, however far it came."""

    status: int
    headers: Headers
    pieces: Iterator[bytes]
    close: Callable[[], None]


class _TooLarge(Exception):
    """The body is larger than the limit."""


@dataclass(frozen=True)
class Lane:
    """What requests of one kind get: threads of their own, room for a body, and for how many at once."""

    threads: int
    max_body_bytes: int
    max_requests: int


@dataclass
class _OpenLane:
    lane: Lane
    pool: ThreadPoolExecutor
    under_way: int = 0


@dataclass
class Gateway:
    """An RSGI application around a WSGI one.

    An answer that is sent piece by piece is cut off where its client takes nothing for `patience` seconds, or
    all of it takes longer than `answer_seconds`: it holds a transaction open, and a place in its lane.

    `doors` answer POST at their address in the event loop, instead of the app.

    `lanes` names the lane for addresses by their beginning; the longest that fits counts, and "" fits
    all. `on_close` is called once no request is under way any more, `on_refusal` with method, request id and
    status of a request that does not reach the app; it gives headers for the answer.
    """

    app: WSGIApp
    lanes: Mapping[str, Lane]
    body_seconds: float
    doors: Mapping[str, Callable[[Post], Awaitable[tuple[int, Headers, bytes]]]] = field(default_factory=dict)
    on_close: Callable[[], None] = lambda: None
    _open: dict[str, _OpenLane] = field(init=False, default_factory=dict)
    on_refusal: Callable[[str, str | None, int], Mapping[str, str]] = lambda *_: {}
    patience: float = 30.0
    answer_seconds: float = 900.0

    def __rsgi_init__(self, _loop: asyncio.AbstractEventLoop) -> None:
        for prefix in sorted(self.lanes, key=len, reverse=True):
            lane = self.lanes[prefix]
            pool = ThreadPoolExecutor(lane.threads, f"lane {prefix or 'other'}")
            self._open[prefix] = _OpenLane(lane, pool)

    def __rsgi_del__(self, _loop: asyncio.AbstractEventLoop) -> None:
        for lane in self._open.values():
            lane.pool.shutdown()
        self.on_close()

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        opened = next(found for prefix, found in self._open.items() if scope.path.startswith(prefix))
        try:
            if opened.under_way >= opened.lane.max_requests:
                _send(protocol, self._too_many(scope))
            else:
                await self._serve(opened, scope, protocol)
        except (ProtocolClosed, ProtocolError, ClientLeft):
            logger.debug("the client left before its answer")

    async def _serve(self, opened: _OpenLane, scope: Scope, protocol: HTTPProtocol) -> None:
        opened.under_way += 1
        try:
            answer = await self._answer(opened, scope, protocol)
            if isinstance(answer, _Answer):
                _send(protocol, answer)
            else:
                await self._stream(opened, answer, scope, protocol)
        finally:
            opened.under_way -= 1

    async def _stream(self, opened: _OpenLane, answer: _Begun, scope: Scope, protocol: HTTPProtocol) -> None:
        in_lane = partial(asyncio.get_running_loop().run_in_executor, opened.pool)
        making = in_lane(next, answer.pieces, None)
        stream = streaming(
            protocol, answer.status, answer.headers, client=scope.client, patience=self.patience
        )
        try:
            async with asyncio.timeout(self.answer_seconds), stream as body:
                while (piece := await asyncio.shield(making)) is not None:
                    await body.send(piece)
                    making = in_lane(next, answer.pieces, None)
        except TimeoutError:
            logger.warning("cut off the answer to %s: its reader is too slow", scope.path)
        except ClientLeft:
            raise
        except Exception:
            logger.exception("cut off the answer to %s: making it failed", scope.path)
        finally:
            # What is making a piece cannot be closed.
            await asyncio.wait([making])
            await in_lane(answer.close)

    async def _answer(self, opened: _OpenLane, scope: Scope, protocol: HTTPProtocol) -> _Answer | _Begun:
        limit = opened.lane.max_body_bytes
        try:
            async with asyncio.timeout(self.body_seconds):
                body = await _body(scope, protocol, limit)
        except _TooLarge:
            return self._refusal(scope, 413, f"the body is larger than {limit} bytes")
        except TimeoutError:
            return self._refusal(scope, 408, f"the body took longer than {self.body_seconds:g} seconds")
        if scope.method == "POST" and (door := self.doors.get(scope.path)):
            return _Answer(
                *await door(Post(dict(scope.headers.items()), body, scope.client.rpartition(":")[0]))
            )
        request = environ(scope, body)
        return await asyncio.get_running_loop().run_in_executor(opened.pool, self._call, request)

    def _too_many(self, scope: Scope) -> _Answer:
        return self._refusal(scope, 503, "too many such requests at once, try again", RETRY_AFTER_SECONDS)

    def _refusal(self, scope: Scope, status: int, message: str, retry_after: int | None = None) -> _Answer:
        own = self.on_refusal(scope.method, scope.headers.get("x-request-id"), status)
        headers = [(name.lower(), value) for name, value in {**SECURITY_HEADERS, **own}.items()]
        headers += [("content-type", "application/json"), ("connection", "close")]
        if retry_after is not None:
            headers.append(("retry-after", str(retry_after)))
        return _Answer(status, headers, json.dumps({"success": False, "error": message}).encode())

    def _call(self, request: dict[str, Any]) -> _Answer | _Begun:
        started: list[tuple[int, Headers]] = []

        def start_response(status: str, headers: Headers, _exc_info: object = None) -> None:
            started.append((int(status.split(" ", 1)[0]), headers))

        parts = self.app(request, start_response)
        close = getattr(parts, "close", lambda: None)
        status, headers = started[-1]
        if request["REQUEST_METHOD"] != "HEAD" and not _has_length(headers):
            return _Begun(status, headers, iter(parts), close)
        try:
            return _Answer(status, headers, b"".join(parts))
        finally:
            close()


def _send(protocol: HTTPProtocol, answer: _Answer) -> None:
    protocol.response_bytes(answer.status, answer.headers, answer.body)


def _has_length(headers: Headers) -> bool:
    return any(name.lower() == "content-length" for name, _ in headers)


async def _body(scope: Scope, protocol: HTTPProtocol, limit: int) -> bytes:
    declared = scope.headers.get("content-length", "")
    if declared.isdecimal():
        if int(declared[:19]) > limit:
            raise _TooLarge
        return await protocol()
    parts = bytearray()
    async for part in protocol:
        parts += part
        if len(parts) > limit:
            raise _TooLarge
    return bytes(parts)


def environ(scope: Scope, body: bytes) -> dict[str, Any]:
    """A request as WSGI (PEP 3333) describes it."""
    host, _, port = scope.server.rpartition(":")
    described: dict[str, Any] = _SAME_FOR_ALL | {
        "REQUEST_METHOD": scope.method,
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0],
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(body),
        BEGAN: time.perf_counter(),
    }
    for name, value in scope.headers.items():
        key = _cgi_name(name)
        described[key] = f"{described[key]},{value}" if key in described else value
    # The body is here, whichever way it came.
    described.pop("HTTP_TRANSFER_ENCODING", None)
    described["CONTENT_LENGTH"] = str(len(body))
    return described


@lru_cache(maxsize=256)
def _cgi_name(name: str) -> str:
    return _CGI_NAMES.get(name) or f"HTTP_{name.upper().replace('-', '_')}"
