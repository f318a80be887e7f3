"""What the gate decides, as plain functions of a request's parts."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

LOGIN = "/login"
LOGOUT = "/logout"
OIDC_BEGIN = "/oidc/login"
OIDC_BACK = "/oidc/callback"
HEALTH = "/healthz"
MARK = "/mark.svg"
_OPEN = frozenset({LOGIN, LOGOUT, OIDC_BEGIN, OIDC_BACK, HEALTH, MARK, "/favicon.png", "/manifest.json"})
# Streamlit's own scripts, styles and fonts: the same for everybody, and nothing of ours.
_OPEN_PREFIX = "/static/"
# Also Streamlit's, for who is signed in.
_NOT_A_PAGE = ("/_stcore/", "/media/", "/component/", "/app/")


def is_open(path: str) -> bool:
    """Whether anybody may fetch this."""
    return path in _OPEN or (path.startswith(_OPEN_PREFIX) and ".." not in path)


def is_page(method: str, path: str, headers: Mapping[str, str]) -> bool:
    """Whether a person asks for a page, so that the sign-in form is a useful answer."""
    wants_html = "text/html" in headers.get("accept", "")
    return method in ("GET", "HEAD") and wants_html and not path.startswith(_NOT_A_PAGE)


def names_a_page(method: str, path: str) -> bool:
    """Whether a page is asked for by its address, and nothing that is Streamlit's."""
    return method in ("GET", "HEAD") and not is_open(path) and not path.startswith(_NOT_A_PAGE)


def local_path(target: str) -> str:
    """`target` where it is a path of ours, else the landing page: nobody is sent to a foreign site.

    Browsers drop tabs and line ends from an address and read a backslash as a slash.
    """
    suspicious = any(ord(character) < 33 or character in "\\\x7f" for character in target)
    if suspicious or not target.startswith("/") or target.startswith("//"):
        return "/"
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or parts.path in (LOGIN, LOGOUT, OIDC_BEGIN, OIDC_BACK):
        return "/"
    return target


def is_own_origin(origin: str | None, host: str | None) -> bool:
    """Whether the page that sends this came from the host that it is sent to. A missing origin is none."""
    if not origin or not host:
        return False
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def is_own_form(headers: Mapping[str, str]) -> bool:
    """Whether a form was sent from one of our pages. An older browser may leave the headers out."""
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    if site not in (None, "same-origin"):
        return False
    return origin is None or is_own_origin(origin, headers.get("host"))


def is_own_link(headers: Mapping[str, str]) -> bool:
    """Whether a person followed a link on one of our pages, as the browser itself asserts."""
    asserted = (headers.get("sec-fetch-site"), headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest"))
    return asserted == ("same-origin", "navigate", "document") and "sec-purpose" not in headers
