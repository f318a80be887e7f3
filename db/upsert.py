"""INSERT ... ON CONFLICT, which SQLite and PostgreSQL spell alike but SQLAlchemy keeps per dialect."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Engine, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Session

_ROWS_PER_STATEMENT = 10_000


def insert(store: Session | Engine, model: type[DeclarativeBase]) -> sqlite.Insert | postgresql.Insert:
    """An insert with `on_conflict_do_nothing` and `on_conflict_do_update` for the store's dialect."""
    table: Any = model.__table__
    assert isinstance(table, Table)  # noqa: S101 - narrows the type; a model always has a table
    bind = store.get_bind() if isinstance(store, Session) else store
    if bind.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def add_all(store: Session, table: Table, sums: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows of the primary key's columns and the columns `sums`; where there is a row with that key
    already, its sums are added to. In the order given, in as few statements as the driver can take.
    """
    key = [column.name for column in table.primary_key.columns]
    conflict = f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET " + ", ".join(
        f"{name} = {table.name}.{name} + excluded.{name}" for name in sums
    )
    into = f"INSERT INTO {table.name} ({', '.join([*key, *sums])})"
    connection = store.connection()
    if connection.dialect.name == "sqlite":
        if rows:
            marks = ", ".join("?" * (len(key) + len(sums)))
            connection.exec_driver_sql(
                f"{into} VALUES ({marks}) {conflict}", [_in_text(row, len(key)) for row in rows]
            )
        return
    # One array for each column: the statement stays the same for any number of rows.
    arrays = ", ".join(f"%s::{table.c[name].type.compile(connection.dialect)}[]" for name in [*key, *sums])
    statement = f"{into} SELECT * FROM unnest({arrays}) {conflict}"  # noqa: S608 - names of ours
    for position in range(0, len(rows), _ROWS_PER_STATEMENT):
        columns = zip(*rows[position : position + _ROWS_PER_STATEMENT], strict=True)
        connection.exec_driver_sql(statement, tuple(list(column) for column in columns))


def _in_text(row: tuple[Any, ...], key_length: int) -> tuple[Any, ...]:
    key = (part.isoformat() if isinstance(part, date) else part for part in row[:key_length])
    return *key, *row[key_length:]
