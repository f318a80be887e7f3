"""The document that every page begins with: Streamlit's, with our name and mark.

It is told where its server is, and which scripts the page will want. Until they have drawn the page, on a
slow line for seconds, it shows where things will be.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from functools import cache, partial
from html import escape
from pathlib import Path
from string import Template

import streamlit
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from dashboard.gate import languages, preloads, rules
from languages import _, speaking

_HERE = Path(__file__).parent
_STREAMLITS = Path(streamlit.__file__).parent / "static" / "index.html"
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
# "wide" or "narrow", as the style sheet means it.
ROOM_COOKIE = "mengedmate_room"
# Without the address of the server it asks first below the page's own, where every answer is a 404. Told what
# it may take for granted of its host, it connects at once and asks for that beside. Without the scheme a dark
# page flashes white until it is drawn. Its width tells the server which form of a list to draw; until the
# whole head is read, a phone's window passes for a wide one, but its screen does not. An icon is a word until
# its letters have come.
_HEAD = f"""<head>
    <meta name="color-scheme" content="light dark" />
    <style>html:not(.mm-icons) [data-testid="stIconMaterial"] {{ visibility: hidden; }}</style>
    <script>
      window.__streamlit = {{
        BACKEND_BASE_URL: location.origin,
        HOST_CONFIG: {{ allowedOrigins: [location.origin], useExternalAuthToken: false }},
      }}
      const room = Math.min(screen.width, innerWidth) <= 640 ? "narrow" : "wide"
      document.cookie = `{ROOM_COOKIE}=${{room}}; path=/; SameSite=Strict`
      document.fonts.addEventListener("loadingdone", ({{ fontfaces }}) => {{
        if (fontfaces.some((face) => face.family.includes("Material Symbols")))
          document.documentElement.classList.add("mm-icons")
      }})
    </script>"""
# Shown until the page has content of its own, or a dialog that says what is wrong. What Streamlit draws
# before that is of no theme and stands elsewhere.
_ROOT = '<div id="root"></div>'
_WAITING = Template((_HERE / "waiting.html").read_text("utf-8"))
_UNTIL_DRAWN = """<script>
      const ours = '[data-testid="stMain"] .stHtml > :not(style, script)'
      const watch = new MutationObserver(() => {
        if (!document.querySelector(`${ours}, .stException, .stAlert, [role="dialog"]`)) return
        watch.disconnect()
        document.querySelector(".mm-waiting").remove()
      })
      watch.observe(document.getElementById("root"), { childList: true, subtree: true })
      watch.observe(document.body, { childList: true })
    </script>"""
_LOGO = "data:image/svg+xml;base64," + base64.b64encode(
    (_HERE.parent / "brand" / "wordmark.svg").read_bytes()
).decode("ascii")
_NO_SCRIPT = re.compile(r"<noscript>.*?</noscript>", re.DOTALL)
# Without scripts it would stay for ever, and hide what is said of them.
_NOT_WAITING = "<style>.mm-waiting { display: none !important; }</style>"
_LINK = '<link rel="modulepreload" crossorigin href="./static/js/{}">\n  '
_OURS = {
    "<head>": _HEAD,
    "<title>Streamlit</title>": "<title>MengedMate</title>",
    'href="./favicon.png"': f'href="{rules.MARK}"',
    "</body>": f"  {_UNTIL_DRAWN}\n  </body>",
}


def document_routes(paths: Iterable[str]) -> list[Route]:
    """`paths` are those of the pages; the gate lets nobody ask for another."""
    return [Route(f"/{path}", partial(_answer, path), methods=["GET"]) for path in paths]


@cache
def document() -> str:
    text = _STREAMLITS.read_text("utf-8")
    for theirs, ours in _OURS.items():
        text = text.replace(theirs, ours, 1)
    return text


@cache
def _page_document(path: str, has_dates: bool, language: str) -> str:
    with speaking(language):
        waiting = _WAITING.substitute(
            logo=_LOGO,
            loading=escape(_("Loading…")),
            slow=escape(_("The connection is slow. The first visit takes the longest.")),
        )
        no_script = f"<noscript>{_NOT_WAITING}<p>{escape(_('This page needs JavaScript.'))}</p></noscript>"
    text = _NO_SCRIPT.sub(lambda _found: no_script, document(), count=1)
    text = text.replace(_ROOT, f"{_ROOT}\n    {waiting}", 1).replace('lang="en"', f'lang="{language}"', 1)
    wanted = preloads.scripts(preloads.elements(path, has_dates=has_dates))
    links = "".join(_LINK.format(name) for name in wanted if f"/{name}" not in text)
    return text.replace("</head>", f"{links}</head>", 1)


def inline_scripts() -> list[str]:
    """What a Content-Security-Policy has to name of the document."""
    return _INLINE_SCRIPT.findall(document())


async def _answer(path: str, request: Request) -> Response:
    """What a page wants differs with whether its address names dates."""
    return HTMLResponse(_page_document(path, "from" in request.query_params, languages.of(request)))
