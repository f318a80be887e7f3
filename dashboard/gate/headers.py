"""Headers that tell browsers what our pages may load and who may frame them."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import streamlit

from dashboard import markup

_STATIC = Path(streamlit.__file__).parent / "static"
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)

ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
}
UNDER_TLS = {"strict-transport-security": "max-age=31536000"}


def app_policy() -> str:
    """The Content-Security-Policy of Streamlit's page; its inline script and ours are named by their hash."""
    page = (_STATIC / "index.html").read_text("utf-8")
    ours = markup.scripts().values()
    scripts = " ".join(source_hash(script) for script in (*_INLINE_SCRIPT.findall(page), *ours))
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
