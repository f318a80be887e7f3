"""`python -m ocpp_backend`: the locator API and the charge points' address on one port."""

from __future__ import annotations

import gc
import logging
import resource
import signal
import sys
from contextlib import suppress

import log
import settings
from ocpp_backend.app import make_app
from ocpp_backend.server import Server

# Messages come and go without cycles, hundreds at once; collecting at the default pace takes a twentieth of
# the time and finds nothing.
_COLLECT_AFTER = (50_000, 20, 50)
# The event loop and the store's thread take turns less often than by default: each works on what is warm in
# the processor's cache, and a commit is prepared within some ten milliseconds.
_TAKE_TURNS_SECONDS = 0.02


def main() -> int:
    try:
        configuration = settings.load()
    except settings.ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    log.configure(configuration.log_level, configuration.log_format, configuration.secrets)
    # It would log every connection at INFO, a second time and with less.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    host, port = configuration.host, configuration.ocpp_backend_port
    logging.getLogger("ocpp_backend").info("listening on http://%s:%s", host, port)
    # uvicorn raises the signal that ended it once more when all is closed; by then it means nothing.
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    server = Server(make_app(configuration), host=host, port=port)
    _prepare_for_many()
    with suppress(KeyboardInterrupt):
        server.run()
    return 0


def _prepare_for_many() -> None:
    """Let thousands of charge points connect, and spend the time on them."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        # Many systems allow a process a thousand sockets until it asks for more.
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
    sys.setswitchinterval(_TAKE_TURNS_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
