"""A station in the platform's own shape (JSON), from its API or from a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from ocpp_integration.imports import cells
from ocpp_integration.platform import fields
from ocpp_integration.platform.errors import StationRejected
from ocpp_integration.platform.listing import StationKey, WantedConnector, WantedStation

_CONNECTOR = tuple(
    replace(field, read=fields.read_any_type) if field.name == "connector_type" else field
    for field in fields.CONNECTOR
)


def read_key(row: object, *, by_hand: bool = False) -> StationKey:
    """What the row calls its station. Written `by_hand`, it may have an OCPP id of its own: `station_id`."""
    if not isinstance(row, Mapping):
        raise StationRejected("is not an object")
    reasons: list[str] = []
    uuid = _read(row, "id", fields.read_uuid, None, reasons)
    ocpp_id = _read(row, "station_id", cells.read_text, None, reasons) if by_hand else None
    if not reasons and uuid is None and ocpp_id is None:
        reasons.append("id is missing")
    if reasons:
        raise StationRejected(*reasons)
    return StationKey(uuid, ocpp_id)


def read_station(row: Mapping[str, Any], *, is_own: bool = False, by_hand: bool = False) -> WantedStation:
    """Raises `StationRejected`; one wrong connector rejects its station, which then stays as it is.

    Written `by_hand`, connectors may have the numbers of OCPP: `connector_id`.
    """
    key = read_key(row, by_hand=by_hand)
    place, reasons = fields.read_fields(fields.PLACE, row)
    if "name" not in place and not any(reason.startswith("name ") for reason in reasons):
        reasons.append("name is missing")
    open_here = _read(row, "is_active", fields.read_truth, True, reasons)
    in_operation = _read(row, "status", fields.read_operation, True, reasons)
    owner = _read(row, "owner_name", fields.read_line, None, reasons)
    connectors = _connectors(row, by_hand, reasons)
    if reasons:
        raise StationRejected(*reasons)
    place["is_active"] = open_here and in_operation
    return WantedStation(key, place, connectors, owner, is_own)


def label(row: object, position: int) -> str:
    """A name for a row that could not be read, for people."""
    told = row if isinstance(row, Mapping) else {}
    named = [fields.shown(str(told[key])) for key in ("name", "station_id", "id") if told.get(key)]
    return f"station {position} ({', '.join(named[:2])})" if named else f"station {position}"


def _connectors(
    row: Mapping[str, Any], by_hand: bool, reasons: list[str]
) -> tuple[WantedConnector, ...] | None:
    listed = row.get("connectors")
    if listed is None:
        return None
    if not isinstance(listed, list):
        reasons.append("connectors is not a list")
        return None
    units: list[WantedConnector] = []
    for position, each in enumerate(listed, start=1):
        found, wrong = _units(each, by_hand)
        units += found
        reasons += [f"connector {position}: {reason}" for reason in wrong]
    if len(units) > fields.MAX_UNITS:
        reasons.append(f"has more than {fields.MAX_UNITS} connectors")
    reasons += _named_twice(units)
    return tuple(units)


def _units(row: object, by_hand: bool) -> tuple[list[WantedConnector], list[str]]:
    """As many physical connectors as `quantity` says."""
    if not isinstance(row, Mapping):
        return [], ["is not an object"]
    told, reasons = fields.read_fields(_CONNECTOR, row)
    number = _read(row, "connector_id", cells.read_connector_id, None, reasons) if by_hand else None
    external_id = _read(row, "id", _read_external_id, None, reasons)
    quantity = _read(row, "quantity", fields.read_quantity, 1, reasons)
    if number is None and external_id is None and not reasons:
        reasons.append("id is missing")
    if number is not None and quantity > 1:
        reasons.append("quantity is above 1, and connector_id names only one")
    if reasons:
        return [], reasons
    return [WantedConnector(told, number, external_id, unit) for unit in range(1, quantity + 1)], []


def _named_twice(units: list[WantedConnector]) -> list[str]:
    names = Counter((unit.external_id, unit.unit) for unit in units if unit.external_id)
    numbers = Counter(unit.number for unit in units if unit.number)
    twice = {str(name) for (name, _), count in names.items() if count > 1}
    twice |= {str(number) for number, count in numbers.items() if count > 1}
    return [f"connector {name} is listed twice" for name in sorted(twice)]


def _read_external_id(cell: str) -> str:
    """An integer or a UUID, spelled in one way."""
    if cell.isascii() and cell.isdecimal():
        return str(int(cells.read_text(cell)))
    try:
        return str(UUID(cell))
    except ValueError:
        raise ValueError(f"is neither a whole number nor a UUID: {cell}") from None


def _read(
    row: Mapping[str, Any], name: str, read: Callable[[str], Any], default: Any, reasons: list[str]
) -> Any:
    """The value, or the default where it is missing or null; what is wrong with it is added to `reasons`."""
    try:
        cell = fields.cell_of(row.get(name))
        return read(cell) if cell else default
    except ValueError as error:
        reasons.append(fields.shown(f"{name} {error}"))
        return default
