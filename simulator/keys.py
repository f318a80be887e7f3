"""The passwords with which the virtual charge points connect, in a file that only its owner can read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from simulator.fleet import FleetError

_KEYS = TypeAdapter(dict[str, str])


class Keys:
    """Keys by station id. Without a path they are forgotten in the end."""

    def __init__(self, keys: Mapping[str, str] | None = None, path: Path | None = None) -> None:
        self._keys = dict(keys or {})
        self._path = path

    def get(self, station_id: str) -> str | None:
        return self._keys.get(station_id)

    def replace(self, station_id: str, key: str) -> None:
        """A charge point was told a new key, which must outlive it."""
        self._keys[station_id] = key
        if self._path is not None:
            save_keys(self._path, self._keys)


def load_keys(path: Path) -> dict[str, str]:
    """The keys in the JSON file at `path` by station id, none where there is no file. Raises `FleetError`."""
    if not path.exists():
        return {}
    try:
        return _KEYS.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        # Not the reason: it would quote the file.
        raise FleetError(f"{path} cannot be read as JSON of keys by station id") from None


def save_keys(path: Path, keys: Mapping[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(dict(keys), file, indent=1)
    partial.replace(path)
