"""In which language a browser is spoken to before anybody has signed in."""

from __future__ import annotations

from collections.abc import Mapping

from languages import LANGUAGES, preferred

COOKIE = "mengedmate_language"
LASTING = 365 * 24 * 3600


def remembered(cookies: Mapping[str, str], headers: Mapping[str, str]) -> str:
    """The one that was chosen in this browser, else the one that it prefers."""
    chosen = cookies.get(COOKIE, "")
    return chosen if chosen in LANGUAGES else preferred(str(headers.get("Accept-Language", "")))
