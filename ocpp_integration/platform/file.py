"""Stations from a file: CSV with a row for each connector, or JSON in the platform's shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from ocpp_integration.imports.cells import Decimals
from ocpp_integration.imports.errors import UnreadableFile
from ocpp_integration.platform import rows
from ocpp_integration.platform.errors import StationRejected
from ocpp_integration.platform.listing import Listing
from ocpp_integration.platform.table import read_table

MAX_BYTES = 50 * 1024 * 1024


def read_file(file: Path, decimals: Decimals | None = None) -> Listing:
    """Raises `UnreadableFile` where it cannot be read as a whole. `decimals` are those of a CSV file."""
    return _read_json(file) if file.suffix.lower() == ".json" else read_table(file, decimals)


def _read_json(file: Path) -> Listing:
    listing = Listing()
    for position, row in enumerate(_stations(file), start=1):
        try:
            key = rows.read_key(row, by_hand=True)
        except StationRejected as error:
            listing.complete = False
            listing.problems.append(f"{rows.label(row, position)}: {error}")
            continue
        try:
            listing.stations.append(rows.read_station(row, by_hand=True))
        except StationRejected as error:
            listing.left_out.append(key)
            listing.problems += [f"{rows.label(row, position)}: {reason}" for reason in error.reasons]
    return listing


def _stations(file: Path) -> list[Any]:
    """The list, bare or in `results`, or a single station."""
    try:
        if file.stat().st_size > MAX_BYTES:
            raise UnreadableFile(f"{file} is larger than {MAX_BYTES // 1024**2} MiB.")
        content = orjson.loads(file.read_bytes())
    except OSError as error:
        raise UnreadableFile(f"{file} cannot be read: {error.strerror}.") from error
    except orjson.JSONDecodeError as error:
        raise UnreadableFile(f"{file} is no JSON: {error}.") from error
    if isinstance(content, dict):
        content = content.get("results", [content])
    if not isinstance(content, list):
        raise UnreadableFile(f"{file} is not a list of stations.")
    return content
