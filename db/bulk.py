"""Many rows into one table, the fastest way that the store has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from sqlalchemy import Connection, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Session


def insert_all(store: Session, model: type[DeclarativeBase], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows of the same columns: all that the table has but the key and those that may be null.

    Raises what any statement raises.
    """
    if not rows:
        return
    connection = store.connection()
    if connection.dialect.name == "postgresql":
        _copy(connection, model, rows)
    else:
        connection.execute(insert(model), rows)


def _copy(connection: Connection, model: type[DeclarativeBase], rows: Sequence[Mapping[str, Any]]) -> None:
    names = list(rows[0])
    columns = [model.__table__.columns[name] for name in names]
    quote = connection.dialect.identifier_preparer.quote
    statement = f"COPY {quote(model.__tablename__)} ({', '.join(map(quote, names))}) FROM STDIN"
    to_wire = [
        column.type.dialect_impl(connection.dialect).bind_processor(connection.dialect) for column in columns
    ]
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(
                    [row[name] if f is None else f(row[name]) for name, f in zip(names, to_wire, strict=True)]
                )
    except psycopg.Error as error:
        raise DBAPIError.instance(
            statement, None, error, psycopg.Error, hide_parameters=True, dialect=connection.dialect
        ) from error
