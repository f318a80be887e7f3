"""Which column of the file is which field of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from ocpp_integration.imports import cells
from ocpp_integration.imports.errors import RowRejected, UnreadableFile
from ocpp_integration.imports.table import Record, name_of

DOCUMENTATION = "docs/import-format.md"
Reader = Callable[[str], Any]


@dataclass(frozen=True)
class Field:
    """A field, the header names it goes by (our own first), and how a cell of it is read."""

    names: tuple[str, ...]
    read: Callable[..., Any]
    required: bool = False
    is_time: bool = False
    is_decimal: bool = False

    @property
    def name(self) -> str:
        return self.names[0]


# Second names are those of the ACN-Data sets. `docs/import-format.md` describes every row of this table.
FIELDS = (
    Field(("session_id",), cells.read_text, required=True),
    Field(("station_id",), cells.read_text, required=True),
    Field(("start_time", "connection_start"), cells.read_time, required=True, is_time=True),
    Field(("stop_time", "connection_end"), cells.read_time, required=True, is_time=True),
    Field(("energy_kwh",), cells.read_thousandfold, required=True, is_decimal=True),
    Field(("connector_id",), cells.read_connector_id),
    Field(("user_id",), cells.read_text),
    Field(("charging_start",), cells.read_time, is_time=True),
    Field(("charging_end",), cells.read_time, is_time=True),
    Field(("charging_seconds",), cells.read_count),
    Field(("max_power_kw",), cells.read_thousandfold, is_decimal=True),
    Field(("cost",), cells.read_money, is_decimal=True),
    Field(("currency",), cells.read_currency),
    Field(("stop_reason",), cells.read_text),
)
_FIELD_OF = {name: field for field in FIELDS for name in field.names}


@dataclass(frozen=True)
class Spelling:
    """How a file writes times and decimals: in `zone` where no offset is told, and where `decimals` are not
    told, with a comma in a file of semicolons.
    """

    zone: ZoneInfo
    decimals: cells.Decimals | None = None
    dates: cells.Dates | None = None


def has_commas(decimals: cells.Decimals | None, separator: str) -> bool:
    """Whether numbers of a file with this separator have a decimal comma, told so or not."""
    return decimals == "comma" or (decimals is None and separator == ";")


@dataclass(frozen=True)
class _Column:
    name: str  # as the file has it
    field: str
    position: int
    required: bool
    read: Reader


class Layout:
    """How the rows under one header are read. `ignored` are the columns that we have no field for."""

    def __init__(self, columns: list[_Column], width: int, ignored: tuple[str, ...]):
        self._columns = columns
        self._width = width
        self.ignored = ignored

    @classmethod
    def of_header(cls, header: Record, spelling: Spelling) -> Layout:
        """Raises `UnreadableFile` where a needed column is missing, or there twice."""
        names = [name_of(cell) for cell in header.cells]
        commas = has_commas(spelling.decimals, header.separator)
        columns = [
            _column(name, _FIELD_OF[name], position, spelling, commas)
            for position, name in enumerate(names)
            if name in _FIELD_OF
        ]
        _check(header.cells, [column.field for column in columns])
        ignored = tuple(name for name in names if name and name not in _FIELD_OF)
        return cls(columns, len(names), ignored)

    def read(self, row: list[str]) -> dict[str, Any]:
        """The row's values by field name, without those of empty cells. Raises `RowRejected`."""
        if len(row) != self._width:
            raise RowRejected(f"has {len(row)} cells, the header has {self._width}")
        values: dict[str, Any] = {}
        reasons: list[str] = []
        for column in self._columns:
            if cell := row[column.position].strip():
                try:
                    values[column.field] = column.read(cell)
                except ValueError as error:
                    reasons.append(f"{column.name} {error}")
            elif column.required:
                reasons.append(f"{column.name} is missing")
        if reasons:
            raise RowRejected(*reasons)
        return values


def _column(name: str, field: Field, position: int, spelling: Spelling, commas: bool) -> _Column:
    read: Reader = field.read
    if field.is_time:
        read = partial(field.read, zone=spelling.zone, dates=spelling.dates)
    elif field.is_decimal and commas:
        read = with_commas(field.read)
    return _Column(name, field.name, position, field.required, read)


def with_commas(read: Reader) -> Reader:
    """Reads what `read` does, with a decimal comma."""
    return lambda cell: read(cells.with_point(cell))


def _check(heads: list[str], found: list[str]) -> None:
    if twice := sorted({field for field in found if found.count(field) > 1}):
        raise UnreadableFile(f"More than one column gives {_listed(twice)}: remove all but one of each.")
    if missing := [field for field in FIELDS if field.required and field.name not in found]:
        raise UnreadableFile(
            f"There is no column {_listed(' or '.join(field.names) for field in missing)}. "
            f"Needed: {_listed(field.name for field in FIELDS if field.required)}. "
            f"Found: {_listed(heads)}. See {DOCUMENTATION}."
        )


def _listed(names: Iterable[str]) -> str:
    # A file that is no CSV at all can have a first line of any length.
    listed = ", ".join(names)
    return listed if len(listed) <= 300 else f"{listed[:300]}..."
