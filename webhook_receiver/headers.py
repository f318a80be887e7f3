"""Headers of every answer: nothing of it is cached, framed, sniffed or run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask

SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_LOWER = {name.lower(): (name, value) for name, value in SECURITY_HEADERS.items()}


def register(app: Flask) -> None:
    """Add them where an answer has none of its own. Around Flask, whose headers are slow to look up."""
    app.wsgi_app = _with_headers(app.wsgi_app)  # type: ignore[method-assign]


def _with_headers(wsgi_app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Any:
            told = {name.lower() for name, _ in headers}
            missing = [header for name, header in _LOWER.items() if name not in told]
            return start_response(status, headers + missing, exc_info)

        return wsgi_app(environ, start)

    return answer
