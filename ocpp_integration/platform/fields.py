"""What a list says of a station and its connectors, field by field. JSON values and CSV cells are read alike.

A reader takes a cell's text and gives a value in our units, or raises `ValueError`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from ocpp_integration.imports import cells

MAX_UNITS = 100
_MOST_WATTS = 10_000_000
_MOST_PER_KWH = Decimal(1_000_000)
_PRICE_PLACES = Decimal("0.0001")
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
CONNECTOR_TYPES = ("type1", "type2", "ccs1", "ccs2", "chademo", "tesla", "other")
# A station under maintenance stays: whoever maintains it wants to see what its charge point says.
IN_OPERATION = {"operational": True, "under_maintenance": True, "closed": False, "coming_soon": False}

NOT_TOLD = object()


@dataclass(frozen=True)
class Field:
    """`name` as the list has it, `column` as our models have it. `null` is what an empty value says."""

    name: str
    column: str
    read: Callable[[str], Any]
    null: Any = NOT_TOLD
    is_decimal: bool = False


def read_line(cell: str) -> str:
    """A text on one line: addresses come with line breaks."""
    return cells.read_text(" ".join(cell.split()))


def read_price(cell: str) -> Decimal:
    """Per kWh, VAT included, with four places."""
    if not cells.is_number(cell) or not 0 <= (price := Decimal(cell)) < _MOST_PER_KWH:
        raise ValueError(f"is not a price from 0 to {_MOST_PER_KWH}: {cell}")
    return price.quantize(_PRICE_PLACES, ROUND_HALF_UP)


def read_power(cell: str) -> int:
    watts = cells.read_thousandfold(cell)
    if watts > _MOST_WATTS:
        raise ValueError(f"is above {_MOST_WATTS // 1000} kW: {cell}")
    return watts


def read_latitude(cell: str) -> float:
    return _degrees(cell, 90)


def read_longitude(cell: str) -> float:
    return _degrees(cell, 180)


def read_type(cell: str) -> str:
    if (word := cell.lower()) not in CONNECTOR_TYPES:
        raise ValueError(f"is none of {', '.join(CONNECTOR_TYPES)}: {cell}")
    return word


def read_any_type(cell: str) -> str:
    """A platform newer than this list may know further types."""
    word = cell.lower()
    return word if word in CONNECTOR_TYPES else "other"


def read_truth(cell: str) -> bool:
    if (word := cell.lower()) not in _TRUTH:
        raise ValueError(f"is neither true nor false: {cell}")
    return _TRUTH[word]


def read_quantity(cell: str) -> int:
    # A decimal that is whole is what some serializers make of an integer.
    count = cells.read_count(cell.removesuffix(".0"))
    if count > MAX_UNITS:
        raise ValueError(f"is more than {MAX_UNITS}: {cell}")
    return count


def read_operation(cell: str) -> bool:
    if (word := cell.lower()) not in IN_OPERATION:
        raise ValueError(f"is none of {', '.join(IN_OPERATION)}: {cell}")
    return IN_OPERATION[word]


def read_uuid(cell: str) -> UUID:
    try:
        return UUID(cell)
    except ValueError:
        raise ValueError(f"is not a UUID: {cell}") from None


PLACE = (
    Field("name", "name", read_line),
    Field("address", "address", read_line, null=""),
    Field("city", "city", read_line, null=""),
    Field("country", "country", read_line, null=""),
    Field("latitude", "latitude", read_latitude, null=None, is_decimal=True),
    Field("longitude", "longitude", read_longitude, null=None, is_decimal=True),
)
CONNECTOR = (
    Field("connector_type", "connector_type", read_type),
    Field("power_kw", "power_w", read_power, is_decimal=True),
    Field("price_per_kwh", "price_per_kwh", read_price, is_decimal=True),
    Field("qr_code_token", "qr_code_token", cells.read_text),
)


def cell_of(value: object) -> str:
    """A JSON value as the cell that a CSV file would have. Raises `ValueError`."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value).strip()
    raise ValueError("is neither a text nor a number")


def shown(text: str) -> str:
    """What others wrote, short and on one line, for logs and terminals."""
    line = "".join(letter if letter.isprintable() else " " for letter in text[:200])
    return line if len(text) <= 200 else f"{line}..."


def read_fields(fields: tuple[Field, ...], row: Mapping[str, object]) -> tuple[dict[str, Any], list[str]]:
    """The values that the row tells, by column, and what is wrong with the others, a sentence each."""
    values: dict[str, Any] = {}
    reasons: list[str] = []
    for field in fields:
        if field.name in row:
            try:
                cell = cell_of(row[field.name])
                value = field.read(cell) if cell else field.null
            except ValueError as error:
                reasons.append(shown(f"{field.name} {error}"))
            else:
                if value is not NOT_TOLD:
                    values[field.column] = value
    return values, reasons


def _degrees(cell: str, most: int) -> float:
    if not cells.is_number(cell) or not -most <= (degrees := float(cell)) <= most:
        raise ValueError(f"is not a number of degrees from -{most} to {most}: {cell}")
    return degrees
