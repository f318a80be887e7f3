"""Logging, configured once per process by its entry point."""

from __future__ import annotations

import logging

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# These log raw frames, request addresses or SQL at INFO: secrets and id tags among them.
_QUIET = ("ocpp", "httpx", "httpcore", "urllib3", "websockets", "alembic")


def configure(level: str = "INFO") -> None:
    """Log to standard error from `level` on; chatty libraries from WARNING on."""
    logging.basicConfig(level=level, format=_FORMAT, force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # It warns whenever a run takes longer than its interval, which is meant to happen: they never overlap.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
