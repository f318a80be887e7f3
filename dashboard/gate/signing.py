"""Values that a browser keeps for us, signed so that they come back unchanged or not at all."""

from __future__ import annotations

import hashlib
import hmac
import secrets

SESSION_COOKIE = "mengedmate_session"
CSRF_COOKIE = "mengedmate_csrf"


def sign(value: str, secret: str, purpose: str) -> str:
    """`value` with its signature behind a dot."""
    return f"{value}.{_signature(value, secret, purpose)}"


def unsign(signed: str, secret: str, purpose: str) -> str | None:
    """The value, None unless `sign` made this with the same secret and purpose."""
    value, dot, signature = signed.rpartition(".")
    if not dot or not signature.isascii():
        return None
    return value if hmac.compare_digest(signature, _signature(value, secret, purpose)) else None


def derive(value: str, secret: str, purpose: str) -> str:
    """Another value that only we can tell from `value`; 64 hexadecimal digits."""
    return _signature(value, secret, purpose)


def new_csrf_cookie() -> str:
    return secrets.token_urlsafe(24)


def csrf_token(cookie: str, secret: str) -> str:
    """What a form carries to show that it was served to the browser that has `cookie`."""
    return _signature(cookie, secret, "csrf")


def csrf_matches(token: str, cookie: str, secret: str) -> bool:
    if not cookie or not token.isascii():
        return False
    return hmac.compare_digest(token, csrf_token(cookie, secret))


def _signature(value: str, secret: str, purpose: str) -> str:
    return hmac.new(secret.encode(), f"{purpose}:{value}".encode(), hashlib.sha256).hexdigest()
