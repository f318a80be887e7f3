"""What the process has once: its settings, the engine of the store, and the replica that it reads from.

Streamlit runs the pages itself and hands them nothing, so they ask here.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from db.engine import make_engine, reading
from db.replica import Replica
from ocpp_integration.backend import BackendClient
from ocpp_integration.backend_state import StoredState
from settings import Settings, load

_log = logging.getLogger(__name__)

T = TypeVar("T")


@cache
def settings() -> Settings:
    return load()


@cache
def engine() -> Engine:
    return make_engine(settings().database_url)


@cache
def backend() -> BackendClient:
    return BackendClient(settings(), watcher=StoredState(engine()))


@cache
def replica() -> Replica | None:
    """None where reads go to the store itself."""
    url = settings().database_read_url
    return Replica(url, max_lag=settings().database_read_max_lag) if url else None


def read(work: Callable[[Session], T]) -> T:
    """What `work` finds in the store as it was a moment ago: for figures and lists.

    Sign-ins, commands and their progress use the engine: whoever did something wants to see just that.
    """
    if found := replica():
        return found.read(engine(), work)
    with reading(engine()) as store:
        return work(store)


@cache
def cookie_secret() -> str:
    """The key under which cookies are signed; without a setting, one that lasts as long as the process."""
    if configured := settings().cookie_secret:
        return configured.get_secret_value()
    _log.warning("COOKIE_SECRET is not set: everybody signs in anew when the dashboard is restarted")
    return secrets.token_hex(32)
