"""HTTP connections that do not wait for ever for an answer whose headers drip in.

A timeout of `requests` bounds each wait for bytes, not the sum of the waits. Whoever reads a body can look
at the clock between its parts; the headers are read out of reach, so a timer closes their connection.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Timer
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.response import HTTPResponse

# Later than the wait for the first byte ends, which has a clearer name for what happened.
_GRACE_SECONDS = 0.5


def http_session() -> requests.Session:
    """A session whose timeout for reading also bounds how long all headers of an answer may take."""
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter())
    return session


class _BoundedHeaders:
    sock: socket.socket | None
    timeout: float | None

    def getresponse(self) -> HTTPResponse:
        # By now this is the timeout for reading.
        if self.sock is None or not self.timeout:
            return self._read_headers()
        timer = Timer(self.timeout + _GRACE_SECONDS, _cut, (self.sock,))
        timer.daemon = True
        timer.start()
        try:
            return self._read_headers()
        finally:
            timer.cancel()

    def _read_headers(self) -> HTTPResponse:
        return super().getresponse()  # type: ignore[misc, no-any-return]


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class _Connection(_BoundedHeaders, HTTPConnection):  # type: ignore[misc]
    pass


class _SecureConnection(_BoundedHeaders, HTTPSConnection):  # type: ignore[misc]
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
