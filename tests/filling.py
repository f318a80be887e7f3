"""Rows for every table of a schema, whatever it is: values of each column's kind, and a row with nulls."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Date,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    TypeDecorator,
    Uuid,
)

from db.columns import FixedPoint
from ocpp_backend.columns import ExactDecimal

# At the turn of two months, so that the rows of a table kept in months are in several.
FIRST = datetime(2026, 1, 30, 23, 30, tzinfo=UTC)
ROWS = 5


def fill(db: Connection, metadata: MetaData) -> None:
    """Put `ROWS` rows into every table; the n-th refers to the n-th of another table, the last to nothing."""
    for table in metadata.sorted_tables:
        columns = list(table.columns)
        db.execute(table.insert(), [_row(columns, number) for number in range(1, ROWS + 1)])


def _row(columns: list[Column[Any]], number: int) -> dict[str, Any]:
    return {
        column.name: None if column.nullable and number == ROWS else _value(_referred(column), number)
        for column in columns
    }


def everything(db: Connection, metadata: MetaData) -> dict[str, set[str]]:
    """All rows by table, as text that is the same on each kind of database."""
    return {
        table.name: {str(sorted(row.items())) for row in db.execute(table.select()).mappings()}
        for table in metadata.sorted_tables
    }


def _referred(column: Column[Any]) -> Column[Any]:
    while column.foreign_keys:
        column = next(iter(column.foreign_keys)).column
    return column


def _value(column: Column[Any], number: int) -> Any:
    """The `number`-th value of a column, different from every other one where the column has room."""
    kind = column.type
    if column.name == "paid":
        # The store checks that it is what the three columns beside it come to.
        return 3 * _value(column.table.c["held"], number)
    if isinstance(kind, FixedPoint | ExactDecimal):
        return Decimal(number) / 4
    while isinstance(kind, TypeDecorator):
        kind = kind.impl_instance
    if isinstance(kind, DateTime):
        at = FIRST + timedelta(days=number, microseconds=number)
        return at if kind.timezone or isinstance(column.type, TypeDecorator) else at.replace(tzinfo=None)
    if isinstance(kind, Date):
        return FIRST.date() + timedelta(days=number)
    if isinstance(kind, Uuid):
        return UUID(int=number)
    if isinstance(kind, Boolean):
        return number % 2 == 0
    if isinstance(kind, Integer):
        return number
    if isinstance(kind, Float):
        return number / 8
    if isinstance(kind, LargeBinary):
        return bytes([0, number, 255])
    if isinstance(kind, JSON):
        return {"በጣም": [number, None, "x'\\\n"]}
    if column.name == "timezone":
        return "Africa/Addis_Ababa"  # statistics are made by it
    assert isinstance(kind, String), f"no value is known for {column}"
    return f"{number} ቦሌ \\ \t'{column.name}"[: kind.length or 200]
