"""In which language a browser is spoken to before anybody has signed in."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request

from languages import LANGUAGES, preferred

COOKIE = "mengedmate_language"
LASTING = 365 * 24 * 3600


def remembered(cookies: Mapping[str, str], headers: Mapping[str, str]) -> str:
    """The one that was chosen in this browser, else the one that it prefers."""
    chosen = cookies.get(COOKIE, "")
    return chosen if chosen in LANGUAGES else preferred(str(headers.get("Accept-Language", "")))


def asked(request: Request) -> str:
    """The one that the address asks for, if any."""
    found = request.query_params.get("language", "")
    return found if found in LANGUAGES else ""


def of(request: Request) -> str:
    return asked(request) or remembered(request.cookies, request.headers)
