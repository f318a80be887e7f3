"""Writing many rows of a table with few statements.

What a row costs is mostly what a statement costs: SQLAlchemy's compiler, the driver, and the interpreter's
lock, which is given away at each step of the store and comes back late where the event loop is busy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect, Table

# As many rows go into a statement, so that few texts have to be prepared. The largest stays far below the
# number of parameters that a statement may have.
_SIZES = (256, 64, 16, 4, 1)

Columns = tuple[str, ...]
Rows = Sequence[Sequence[Any]]


def insert_rows(db: Connection, table: Table, columns: Columns, rows: Rows) -> None:
    """Insert `rows`, each the values of `columns` in their order; defaults of the table are not applied."""
    for some, parameters in _pieces(db, table, columns, rows):
        db.exec_driver_sql(_insert(table, columns, some, db.dialect), parameters)


def update_rows(db: Connection, table: Table, key: str, columns: Columns, rows: Rows) -> None:
    """Set `columns` where `key` is the first value of a row; the others are the new values in their order."""
    for some, parameters in _pieces(db, table, (key, *columns), rows):
        db.exec_driver_sql(_update(table, key, columns, some, db.dialect), parameters)


def _pieces(
    db: Connection, table: Table, columns: Columns, rows: Rows
) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """The rows in pieces, as the parameters of one statement each: how many they are, and their values."""
    processors = _processors(table, columns, db.dialect)
    first = 0
    for size in _SIZES:
        while len(rows) - first >= size:
            values = [value for row in rows[first : first + size] for value in row]
            for position, process in processors:
                values[position :: len(columns)] = map(process, values[position :: len(columns)])
            yield size, tuple(values)
            first += size


@lru_cache(maxsize=256)
def _insert(table: Table, columns: Columns, rows: int, dialect: Dialect) -> str:
    # Names of our own tables and columns only.
    return f"INSERT INTO {table.name} ({', '.join(columns)}) {_values(len(columns), rows, dialect)}"


@lru_cache(maxsize=256)
def _update(table: Table, key: str, columns: Columns, rows: int, dialect: Dialect) -> str:
    numbers = range(2, len(columns) + 2)
    new = [f"{name} = {_typed(table, name, n, dialect)}" for name, n in zip(columns, numbers, strict=True)]
    return (
        f"UPDATE {table.name} SET {', '.join(new)} "  # noqa: S608
        f"FROM ({_values(len(columns) + 1, rows, dialect)}) AS new "
        f"WHERE {table.name}.{key} = {_typed(table, key, 1, dialect)}"
    )


def _values(columns: int, rows: int, dialect: Dialect) -> str:
    mark = "%s" if dialect.paramstyle in ("format", "pyformat") else "?"
    return "VALUES " + ", ".join([f"({', '.join([mark] * columns)})"] * rows)


def _typed(table: Table, name: str, number: int, dialect: Dialect) -> str:
    # Both stores call the columns of VALUES so. SQLite keeps the values as they are, and its CAST would make
    # a number of a time; PostgreSQL wants to know what they are.
    value = f"new.column{number}"
    if dialect.name == "sqlite":
        return value
    return f"CAST({value} AS {table.c[name].type.compile(dialect)})"


@lru_cache(maxsize=256)
def _processors(
    table: Table, columns: Columns, dialect: Dialect
) -> tuple[tuple[int, Callable[[Any], Any]], ...]:
    """What turns values of Python into those of the driver, by the column's position."""
    found = (table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in columns)
    return tuple((position, process) for position, process in enumerate(found) if process is not None)
