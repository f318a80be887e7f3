"""The document that every page begins with: Streamlit's, with our name and mark.

It is told where its server is, and which scripts the page will want.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache, partial
from pathlib import Path

import streamlit
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from dashboard.gate import preloads, rules

_STREAMLITS = Path(streamlit.__file__).parent / "static" / "index.html"
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
# "wide" or "narrow", as the style sheet means it.
ROOM_COOKIE = "mengedmate_room"
# Without the address of the server it asks first below the page's own, where every answer is a 404. Told what
# it may take for granted of its host, it connects at once and asks for that beside. Without the scheme a dark
# page flashes white until it is drawn. Its width tells the server which form of a list to draw; until the
# whole head is read, a phone's window passes for a wide one, but its screen does not.
_HEAD = f"""<head>
    <meta name="color-scheme" content="light dark" />
    <script>
      window.__streamlit = {{
        BACKEND_BASE_URL: location.origin,
        HOST_CONFIG: {{ allowedOrigins: [location.origin], useExternalAuthToken: false }},
      }}
      const room = Math.min(screen.width, innerWidth) <= 640 ? "narrow" : "wide"
      document.cookie = `{ROOM_COOKIE}=${{room}}; path=/; SameSite=Strict`
    </script>"""
_LINK = '<link rel="modulepreload" crossorigin href="./static/js/{}">\n  '
_OURS = {
    "<head>": _HEAD,
    "<title>Streamlit</title>": "<title>MengedMate</title>",
    'href="./favicon.png"': f'href="{rules.MARK}"',
}


def document_routes(paths: Iterable[str]) -> list[Route]:
    """`paths` are those of the pages; the gate lets nobody ask for another."""
    return [
        Route(
            f"/{path}",
            partial(_answer, {asked: _page_document(path, asked) for asked in (False, True)}),
            methods=["GET"],
        )
        for path in paths
    ]


@cache
def document() -> str:
    text = _STREAMLITS.read_text("utf-8")
    for theirs, ours in _OURS.items():
        text = text.replace(theirs, ours, 1)
    return text


def _page_document(path: str, has_dates: bool) -> str:
    text = document()
    wanted = preloads.scripts(preloads.elements(path, has_dates=has_dates))
    links = "".join(_LINK.format(name) for name in wanted if f"/{name}" not in text)
    return text.replace("</head>", f"{links}</head>", 1)


def inline_scripts() -> list[str]:
    """What a Content-Security-Policy has to name of the document."""
    return _INLINE_SCRIPT.findall(document())


async def _answer(texts: Mapping[bool, str], request: Request) -> Response:
    """`texts` by whether the address names dates."""
    return HTMLResponse(texts["from" in request.query_params])
