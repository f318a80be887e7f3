"""The receiver as a process: granian in front, one worker, restarted should it die."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
import threading
from functools import partial
from math import ceil
from typing import Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

import log
from ocpp_integration.backend import longest_call
from ocpp_integration.events import MAX_BODY_BYTES
from settings import ConfigurationError, Settings
from webhook_receiver.access_log import observe_refusal
from webhook_receiver.app import make_app
from webhook_receiver.batches import MAX_BATCH_BYTES
from webhook_receiver.context import of
from webhook_receiver.door import PATH, Door
from webhook_receiver.gateway import Gateway, Lane

MAX_CONNECTIONS = 1024
# By the beginning of the address. Webhooks do little but wait for a commit that they share, and so need no
# threads. The rest of the API may wait for the OCPP backend, up to its longest call; a load balancer and a
# scraper wait for neither. A batch is large, so few of them are held at once. An export keeps a connection to
# the store for as long as it is read, of the twenty that there are.
LANES = {
    "/api/ocpp/webhook": Lane(1, MAX_BODY_BYTES, MAX_CONNECTIONS),
    "/api/ocpp/webhook/batch": Lane(4, MAX_BATCH_BYTES, 32),
    "/api/ocpp/exports": Lane(2, MAX_BODY_BYTES, 6),
    "/healthz": Lane(2, MAX_BODY_BYTES, MAX_CONNECTIONS),
    "/readyz": Lane(2, MAX_BODY_BYTES, MAX_CONNECTIONS),
    "/metrics": Lane(1, MAX_BODY_BYTES, MAX_CONNECTIONS),
    "": Lane(16, MAX_BODY_BYTES, MAX_CONNECTIONS),
}
# The event loop and the threads take turns less often than by default: each ends what it is at, which takes a
# fraction of a millisecond, before another thread's data displace its own in the processor's cache.
TAKE_TURNS_SECONDS = 0.02
BODY_SECONDS = 10.0
HEADER_SECONDS = 10
# Beyond the longest call of the OCPP backend: what was accepted before SIGTERM is answered by then.
STOP_GRACE_SECONDS = 5


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises `ConfigurationError` where the port is in use."""
    _check_port(settings.host, settings.receiver_port)
    server = Granian(
        "webhook_receiver",
        address=settings.host,
        port=settings.receiver_port,
        interface=Interfaces.RSGI,
        workers=1,
        http=HTTPModes.http1,
        websockets=False,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1000),
        backpressure=MAX_CONNECTIONS,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        workers_kill_timeout=stops_within(settings),
    )
    server.serve(target_loader=partial(_load, settings), wrap_loader=False)


def stops_within(settings: Settings) -> int:
    """Seconds after SIGTERM within which the process ends."""
    return ceil(longest_call(settings)) + STOP_GRACE_SECONDS


def make_gateway(settings: Settings) -> Gateway:
    app = make_app(settings)
    return Gateway(
        app=app.wsgi_app,
        lanes=LANES,
        body_seconds=BODY_SECONDS,
        doors={PATH: Door(of(app)).respond},
        on_close=of(app).close,
        on_refusal=partial(observe_refusal, app),
    )


def _load(settings: Settings) -> Any:
    """In the worker: it makes its own app, so that no connection is shared with the parent."""
    log.configure(settings.log_level, settings.log_format, settings.secrets)
    sys.setswitchinterval(TAKE_TURNS_SECONDS)
    threading.Thread(target=_end_with_parent, name="end with parent", daemon=True).start()
    return make_gateway(settings)


def _end_with_parent() -> None:
    """A parent that was killed could not tell us to end, and a worker alone would keep the port."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _check_port(host: str, port: int) -> None:
    """granian shares a port with whoever else would share it, so another receiver must be looked for."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigurationError(
                f"{host}:{port} cannot be listened on ({error.strerror}): end what uses it, or set another "
                "RECEIVER_PORT"
            ) from error
