"""What the process has once: its settings, and the engine of the store.

Streamlit runs the pages itself and hands them nothing, so they ask here.
"""

from __future__ import annotations

import logging
import secrets
from functools import cache

from sqlalchemy import Engine

from db.engine import make_engine
from settings import Settings, load

_log = logging.getLogger(__name__)


@cache
def settings() -> Settings:
    return load()


@cache
def engine() -> Engine:
    return make_engine(settings().database_url)


@cache
def cookie_secret() -> str:
    """The key under which cookies are signed; without a setting, one that lasts as long as the process."""
    if configured := settings().cookie_secret:
        return configured.get_secret_value()
    _log.warning("COOKIE_SECRET is not set: everybody signs in anew when the dashboard is restarted")
    return secrets.token_hex(32)
