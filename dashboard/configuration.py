"""The configuration handed to Streamlit: `streamlit_config/config.toml`, and what the settings say."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from settings import ROOT, Settings

CONFIG_FILE = ROOT / "streamlit_config" / "config.toml"


def options(settings: Settings) -> dict[str, Any]:
    """Streamlit's options by their dotted names, such as `server.port`."""
    known = dict(_flattened(tomllib.loads(CONFIG_FILE.read_text("utf-8"))))
    return known | {"server.address": settings.host, "server.port": settings.dashboard_port}


def _flattened(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
