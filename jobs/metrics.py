"""The metrics of the jobs process on a port of its own: its calls of the OCPP backend, and the process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from ocpp_integration.metrics import may_read
from settings import ConfigurationError, Settings

StartResponse = Callable[[str, list[tuple[str, str]]], object]


def serve(settings: Settings, registry: CollectorRegistry) -> WSGIServer:
    """Serve `/metrics` of `registry` from a thread, to whom the receiver would tell its own.

    `shutdown()` of what is returned ends it. Raises `ConfigurationError` where the port is in use.
    """
    host, port = settings.host, settings.jobs_metrics_port
    server_class = _ServerOfIPv6 if ":" in host else WSGIServer
    try:
        server = make_server(host, port, _app(settings, registry), server_class, _Handler)
    except OSError as error:
        raise ConfigurationError(
            f"{host}:{port} cannot be listened on ({error.strerror}): set another JOBS_METRICS_PORT"
        ) from error
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


class _ServerOfIPv6(WSGIServer):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    # One thread serves all: who connects and says nothing must not keep the others waiting for long.
    timeout = 5

    def log_message(self, *_arguments: object) -> None:
        """The standard library would print addresses past our log."""


def _app(settings: Settings, registry: CollectorRegistry) -> Callable[..., Iterable[bytes]]:
    token = settings.metrics_token.get_secret_value() if settings.metrics_token else None

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        headers = {
            name.removeprefix("HTTP_").lower().replace("_", "-"): value for name, value in environ.items()
        }
        if environ["PATH_INFO"] != "/metrics" or not may_read(token, environ["REMOTE_ADDR"], headers):
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"not found\n"]
        start_response("200 OK", [("Content-Type", CONTENT_TYPE_PLAIN_0_0_4)])
        return [generate_latest(registry)]

    return app
