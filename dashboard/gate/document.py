"""The document that every page begins with: Streamlit's, with our name and mark, told where its server is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, partial
from pathlib import Path

import streamlit
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from dashboard.gate import rules

_STREAMLITS = Path(streamlit.__file__).parent / "static" / "index.html"
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
# Without the script it asks first below the page's own address, where every answer is a 404. Without the
# scheme a dark page flashes white until it is drawn.
_HEAD = """<head>
    <meta name="color-scheme" content="light dark" />
    <script>window.__streamlit = { BACKEND_BASE_URL: location.origin }</script>"""
_OURS = {
    "<head>": _HEAD,
    "<title>Streamlit</title>": "<title>MengedMate</title>",
    'href="./favicon.png"': f'href="{rules.MARK}"',
}


def document_routes(paths: Iterable[str]) -> list[Route]:
    """`paths` are those of the pages; the gate lets nobody ask for another."""
    answer = partial(_answer, document())
    return [Route(f"/{path}", answer, methods=["GET"]) for path in paths]


@cache
def document() -> str:
    text = _STREAMLITS.read_text("utf-8")
    for theirs, ours in _OURS.items():
        text = text.replace(theirs, ours, 1)
    return text


def inline_scripts() -> list[str]:
    """What a Content-Security-Policy has to name of the document."""
    return _INLINE_SCRIPT.findall(document())


async def _answer(text: str, _request: Request) -> Response:
    return HTMLResponse(text)
