"""Headers that tell browsers what our pages may load and who may frame them."""

from __future__ import annotations

import base64
import hashlib

from dashboard import markup
from dashboard.gate.document import inline_scripts

ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
}
UNDER_TLS = {"strict-transport-security": "max-age=31536000"}


def app_policy() -> str:
    """The Content-Security-Policy of the pages; the scripts inside them are named by their hash."""
    scripts = " ".join(source_hash(script) for script in (*inline_scripts(), *markup.scripts().values()))
    return (
        f"default-src 'self'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; connect-src 'self'; "
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    )


def form_policy(style: str) -> str:
    """The Content-Security-Policy of the sign-in page: its one style sheet, no scripts, nothing foreign."""
    return (
        f"default-src 'none'; style-src {source_hash(style)}; img-src 'self'; font-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def source_hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
