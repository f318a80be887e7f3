"""What a file is made of: a table's columns with their units and rows one by one, or objects one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Generic, TypeVar

Row = TypeVar("Row")
Value = str | int | float | Decimal | bool | datetime | date | None


class Kind(Enum):
    """What a column holds. A file that knows types gets its own; a time is aware, in UTC."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    TIME = "time"
    DATE = "date"
    FLAG = "flag"


@dataclass(frozen=True)
class Column(Generic[Row]):
    """`unit` stands in the header behind the name. `places` are those of a decimal."""

    name: str
    kind: Kind
    value: Callable[[Row], Value]
    unit: str | None = None
    places: int = 2

    @property
    def header(self) -> str:
        return f"{self.name} ({self.unit})" if self.unit else self.name


@dataclass(frozen=True)
class Table(Generic[Row]):
    """`rows` may be read once. `for_people` is False where a program reads it that takes a CSV literally."""

    columns: Sequence[Column[Row]]
    rows: Iterable[Row]
    for_people: bool = True

    @property
    def headers(self) -> list[str]:
        return [column.header for column in self.columns]

    def values(self) -> Iterator[list[Value]]:
        for row in self.rows:
            yield [column.value(row) for column in self.columns]


@dataclass(frozen=True)
class Objects:
    """What becomes a JSON array. Decimals in it become numbers, with the digits that they have."""

    rows: Iterable[Mapping[str, Any]]


def kwh(wh: int | None) -> Decimal | None:
    """Wh as kWh, exactly."""
    return None if wh is None else Decimal(wh).scaleb(-3)


def kw(watt: int | None) -> Decimal | None:
    """W as kW, exactly."""
    return None if watt is None else Decimal(watt).scaleb(-3)


def text(name: str, value: Callable[[Any], str | None]) -> Column[Any]:
    return Column(name, Kind.TEXT, value)


def time(name: str, value: Callable[[Any], datetime | None]) -> Column[Any]:
    return Column(name, Kind.TIME, value, "UTC")


def integer(name: str, value: Callable[[Any], int | None], unit: str | None = None) -> Column[Any]:
    return Column(name, Kind.INTEGER, value, unit)


def decimal(
    name: str, value: Callable[[Any], Decimal | None], unit: str | None = None, places: int = 2
) -> Column[Any]:
    return Column(name, Kind.DECIMAL, value, unit, places)


def flag(name: str, value: Callable[[Any], bool | None]) -> Column[Any]:
    return Column(name, Kind.FLAG, value)
