"""Headers of every answer: nothing of it is cached, framed, sniffed or run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
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


def register(app: Flask) -> None:
    """Add them where an answer has none of its own. Around Flask, whose headers are slow to look up."""
    app.wsgi_app = _with_headers(app.wsgi_app)  # type: ignore[method-assign]


def _with_headers(wsgi_app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Any:
            return start_response(status, headers + _missing(tuple(name for name, _ in headers)), exc_info)

        return wsgi_app(environ, start)

    return answer


@lru_cache(maxsize=64)
def _missing(names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Most answers have the same few headers of their own."""
    told = {name.lower() for name in names}
    return [header for header in SECURITY_HEADERS.items() if header[0].lower() not in told]
