"""One HTTP exchange, bounded in time and size, over connections that are kept.

A timeout of urllib3 bounds each wait for bytes, not the sum of the waits, so that an answer that drips in
outlives it. Here every wait, for headers too, is at most what is left of the whole.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Protocol

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ReadTimeoutError,
)
from urllib3.response import BaseHTTPResponse
from urllib3.util import parse_url

CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0
MAX_ANSWER_BYTES = 5 * 1024 * 1024
_PART_BYTES = 64 * 1024


class TransportError(Exception):
    """No whole answer came; the message tells it of the other side: "cannot be reached"."""


class NotSent(TransportError):
    """There was no connection, so nothing was done."""


class NoAnswer(TransportError):
    """The request may have been received."""


@dataclass(frozen=True)
class Answer:
    """What came back: any status, the body as it was sent once unpacked."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def retry_after(self, now: datetime) -> float | None:
        """Seconds, from a number of them or an HTTP date; None where no pause is asked for."""
        value = self.headers.get("Retry-After", "")
        if value.isascii() and value.isdecimal():
            return float(value)
        try:
            until = parsedate_to_datetime(value)
        except ValueError:
            return None
        # A date with the zone "-0000" comes without one.
        left = (until - now).total_seconds() if until.tzinfo else 0
        return left if left > 0 else None


class Transport(Protocol):
    """Sends one request. Raises a `TransportError`."""

    def exchange(
        self, method: str, path: str, *, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer: ...


class HttpTransport:
    """Keeps up to `connections` connections open; more threads than that make further ones.

    Connecting may take 3 s, the next bytes 10 s, and a whole exchange `seconds`. Redirects are not followed.
    """

    def __init__(self, base_url: str, *, seconds: float, connections: int = 10):
        address = parse_url(base_url)
        secure = address.scheme == "https"
        # Tell the connections, which are made by the pool, how long each of their exchanges may take.
        options: dict[str, Any] = {"seconds": seconds, "maxsize": connections}
        pool = _SecurePool if secure else _Pool
        self._pool: HTTPConnectionPool = pool(address.host or "localhost", address.port, **options)
        self._prefix = (address.path or "").rstrip("/")
        self._timeout = Timeout(connect=min(CONNECT_SECONDS, seconds), read=min(READ_SECONDS, seconds))

    def exchange(self, method: str, path: str, *, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        try:
            response = self._pool.urlopen(
                method,
                self._prefix + path,
                body=body,
                headers=headers,
                timeout=self._timeout,
                retries=False,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
            )
            try:
                return Answer(response.status, _read(response), response.headers)
            except BaseException:
                # What is left of the answer must not be taken for the next one.
                response.close()
                raise
            finally:
                response.release_conn()
        except (NewConnectionError, ConnectTimeoutError) as error:
            raise NotSent("cannot be reached") from error
        except (ReadTimeoutError, TimeoutError) as error:
            raise NoAnswer("gave no answer in time") from error
        except (HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            raise NoAnswer("cut the connection") from error


def _read(response: BaseHTTPResponse) -> bytes:
    """The body, unless it is too large. Packed or not, no more of it than that is ever in memory."""
    parts = bytearray()
    # read1 comes back with what is there; a plain read waits until its buffer is full.
    while part := response.read1(_PART_BYTES, decode_content=True):
        parts += part
        if len(parts) > MAX_ANSWER_BYTES:
            raise NoAnswer("gave an answer that is too large")
    return bytes(parts)


class _BoundedSocket(io.RawIOBase):
    """The reading end of a connection until `deadline`, on the monotonic clock."""

    def __init__(self, connection: socket.socket, deadline: float):
        self._connection = connection
        self._raw = connection.makefile("rb", buffering=0)
        self._longest = connection.gettimeout()
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer drips in too slowly")
        self._connection.settimeout(left if self._longest is None else min(left, self._longest))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _Bounded:
    """A connection that reads its answers from a `_BoundedSocket`."""

    sock: socket.socket | None
    timeout: float | None

    def __init__(self, *arguments: Any, seconds: float, **options: Any):
        super().__init__(*arguments, **options)
        self._seconds = seconds
        self._deadline = 0.0
        # What `http.client` makes each answer with.
        self.response_class = self._bounded_response

    def request(self, *arguments: Any, **options: Any) -> None:
        self._deadline = time.monotonic() + self._seconds
        if self.sock is not None:
            # A kept connection still has what was left for the end of the answer before.
            self.sock.settimeout(self.timeout)
        super().request(*arguments, **options)  # type: ignore[misc]

    def _bounded_response(self, connection: socket.socket, *arguments: Any, **options: Any) -> Any:
        response = http.client.HTTPResponse(connection, *arguments, **options)
        response.fp.close()
        response.fp = io.BufferedReader(_BoundedSocket(connection, self._deadline))
        return response


class _Connection(_Bounded, HTTPConnection):  # type: ignore[misc]
    pass


class _SecureConnection(_Bounded, HTTPSConnection):  # type: ignore[misc]
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def http_session(seconds: float) -> requests.Session:
    """A session of `requests` each of whose exchanges takes at most `seconds` until its headers are read."""
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(seconds))
    return session


class _Adapter(HTTPAdapter):
    def __init__(self, seconds: float):
        self._seconds = seconds
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {
            "http": partial(_Pool, seconds=self._seconds),
            "https": partial(_SecurePool, seconds=self._seconds),
        }
