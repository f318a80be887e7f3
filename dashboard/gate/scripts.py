"""Streamlit's scripts, compressed: it sends them as they are, which for a page with charts are 7 MB."""

from __future__ import annotations

import gzip
from functools import cache

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.gate.preloads import SCRIPTS

_FOLDER = "/static/js/"
# As Streamlit has it: a script that changes has another name.
_HEADERS = {
    "cache-control": "public, immutable, max-age=31536000",
    "content-encoding": "gzip",
    "vary": "accept-encoding",
}


class CompressedScripts:
    """ASGI middleware; what is no script of Streamlit's, or not wanted compressed, is left to `app`."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] == "http" and scope["method"] == "GET" and _takes_gzip(Headers(scope=scope)):
            name = scope["path"].removeprefix(_FOLDER)
            if name in _names():
                body = await to_thread.run_sync(_compressed, name)
                app = Response(body, media_type="text/javascript", headers=_HEADERS)
        await app(scope, receive, send)


def _takes_gzip(headers: Headers) -> bool:
    return "gzip" in headers.get("accept-encoding", "")


@cache
def _names() -> frozenset[str]:
    return frozenset(file.name for file in SCRIPTS.glob("*.js"))


@cache
def _compressed(name: str) -> bytes:
    """Once for as long as the process runs: what all pages want is a few megabytes."""
    return gzip.compress((SCRIPTS / name).read_bytes(), compresslevel=6, mtime=0)
