"""Streamlit's scripts, compressed: it sends them as they are, which for a page with charts are 7 MB.

That of the charts is told beforehand to run at once, too.
"""

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
# All of Plotly is a function within a function, which a browser reads to its end without keeping anything,
# and once more when it is called. One that stands in parentheses it keeps, and reads beside the page's other
# work. Measured in Chromium: Plotly runs in 0.14 s, and not in 0.34 s.
_CHARTS = "PlotlyChart."
_PARENTHESES = {
    "n,()=>{var e=(()=>{": "n,(()=>{var e=(()=>{",
    "return window.Plotly=e,e})": "return window.Plotly=e,e}))",
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
    script = (SCRIPTS / name).read_text("utf-8")
    if name.startswith(_CHARTS):
        script = in_parentheses(script)
    return gzip.compress(script.encode(), compresslevel=6, mtime=0)


def in_parentheses(script: str) -> str:
    """Plotly's function in parentheses; a script that is written otherwise is left as it is."""
    if any(script.count(bare) != 1 for bare in _PARENTHESES):
        return script
    for bare, enclosed in _PARENTHESES.items():
        script = script.replace(bare, enclosed)
    return script
