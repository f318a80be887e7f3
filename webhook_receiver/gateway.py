"""Between granian and the Flask app: a request gets a thread only once its body is here, whole.

A WSGI server reads the body from inside the thread that answers, so as many slow senders as there are
threads stop it. Here they cost a socket each, until their time is up. And each kind of request has
threads of its own: calls of the OCPP backend that take long keep no webhook waiting.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

# granian documents these names but does not list them as exports.
from granian.rsgi import HTTPProtocol, ProtocolClosed, ProtocolError, Scope  # type: ignore[attr-defined]

from webhook_receiver.headers import SECURITY_HEADERS

logger = logging.getLogger(__name__)

WSGIApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Headers = list[tuple[str, str]]

RETRY_AFTER_SECONDS = 5
_CGI_NAMES = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Headers
    body: bytes


class _TooLarge(Exception):
    """The body is larger than the limit."""


class _TooMuch(Exception):
    """The bodies that are held at the same time are larger than the limit."""


@dataclass(frozen=True)
class Lane:
    """What requests of one kind get: threads of their own, and room for a body."""

    threads: int
    max_body_bytes: int


@dataclass
class Gateway:
    """An RSGI application around a WSGI one.

    `lanes` names the lane for addresses by their beginning; the longest that fits counts, and "" fits
    all. `max_held_bytes` is for all bodies that are here at the same time. `on_close` is called once no
    request is under way any more.
    """

    app: WSGIApp
    lanes: Mapping[str, Lane]
    body_seconds: float
    max_held_bytes: int
    on_close: Callable[[], None] = lambda: None
    _pools: dict[str, tuple[Lane, ThreadPoolExecutor]] = field(init=False, default_factory=dict)
    _held_bytes: int = field(init=False, default=0)

    def __rsgi_init__(self, _loop: asyncio.AbstractEventLoop) -> None:
        for prefix in sorted(self.lanes, key=len, reverse=True):
            lane = self.lanes[prefix]
            self._pools[prefix] = lane, ThreadPoolExecutor(lane.threads, f"lane {prefix or 'other'}")

    def __rsgi_del__(self, _loop: asyncio.AbstractEventLoop) -> None:
        for _, pool in self._pools.values():
            pool.shutdown()
        self.on_close()

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        try:
            answer = await self._answer(scope, protocol)
            protocol.response_bytes(answer.status, answer.headers, answer.body)
        except (ProtocolClosed, ProtocolError):
            logger.debug("the client left before its answer")

    async def _answer(self, scope: Scope, protocol: HTTPProtocol) -> _Answer:
        lane, pool = self._lane(scope.path)
        body = bytearray()
        try:
            async with asyncio.timeout(self.body_seconds):
                await self._read(body, lane.max_body_bytes, scope, protocol)
            request = environ(scope, bytes(body))
            return await asyncio.get_running_loop().run_in_executor(pool, self._call, request)
        except _TooLarge:
            return _refusal(413, f"the body is larger than {lane.max_body_bytes} bytes")
        except _TooMuch:
            return _refusal(503, "too much is being sent at once, try again", RETRY_AFTER_SECONDS)
        except TimeoutError:
            return _refusal(408, f"the body took longer than {self.body_seconds:g} seconds")
        finally:
            self._held_bytes -= len(body)

    async def _read(self, body: bytearray, limit: int, scope: Scope, protocol: HTTPProtocol) -> None:
        declared = scope.headers.get("content-length", "")
        if declared.isdecimal() and int(declared[:19]) > limit:
            raise _TooLarge
        async for part in protocol:
            body += part
            self._held_bytes += len(part)
            if len(body) > limit:
                raise _TooLarge
            if self._held_bytes > self.max_held_bytes:
                raise _TooMuch

    def _lane(self, path: str) -> tuple[Lane, ThreadPoolExecutor]:
        return next(found for prefix, found in self._pools.items() if path.startswith(prefix))

    def _call(self, request: dict[str, Any]) -> _Answer:
        started: list[tuple[int, Headers]] = []

        def start_response(status: str, headers: Headers, _exc_info: object = None) -> None:
            started.append((int(status.split(" ", 1)[0]), headers))

        parts = self.app(request, start_response)
        try:
            body = b"".join(parts)
        finally:
            if close := getattr(parts, "close", None):
                close()
        status, headers = started[-1]
        return _Answer(status, headers, body)


def environ(scope: Scope, body: bytes) -> dict[str, Any]:
    """A request as WSGI (PEP 3333) describes it."""
    host, _, port = scope.server.rpartition(":")
    described: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        key = _CGI_NAMES.get(name) or f"HTTP_{name.upper().replace('-', '_')}"
        described[key] = f"{described[key]},{value}" if key in described else value
    # The body is here, whichever way it came.
    described.pop("HTTP_TRANSFER_ENCODING", None)
    return described | {"CONTENT_LENGTH": str(len(body))}


def _refusal(status: int, message: str, retry_after: int | None = None) -> _Answer:
    headers = [(name.lower(), value) for name, value in SECURITY_HEADERS.items()]
    headers += [("content-type", "application/json"), ("connection", "close")]
    if retry_after is not None:
        headers.append(("retry-after", str(retry_after)))
    return _Answer(status, headers, json.dumps({"success": False, "error": message}).encode())
