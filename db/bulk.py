"""Many rows into one table, the fastest way that the store has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Session


def insert_all(store: Session, model: type[DeclarativeBase], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows of the same columns: all that the table has but the key and those that may be null.

    Raises what any statement raises.
    """
    if not rows:
        return
    connection, names = store.connection(), list(rows[0])
    # Without the compiler of SQLAlchemy, which looks at every value again.
    wires = _wires(connection, model, names)
    values = ([row[name] if f is None else f(row[name]) for name, f in wires] for row in rows)
    if connection.dialect.name == "postgresql":
        _copy(connection, model, names, values)
    else:
        marks = ", ".join("?" * len(names))
        statement = f"INSERT INTO {model.__tablename__} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608
        connection.exec_driver_sql(statement, [tuple(each) for each in values])


def _copy(
    connection: Connection, model: type[DeclarativeBase], names: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    quote = connection.dialect.identifier_preparer.quote
    statement = f"COPY {quote(model.__tablename__)} ({', '.join(map(quote, names))}) FROM STDIN"
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as error:
        raise DBAPIError.instance(
            statement, None, error, psycopg.Error, hide_parameters=True, dialect=connection.dialect
        ) from error


def _wires(
    connection: Connection, model: type[DeclarativeBase], names: Sequence[str]
) -> list[tuple[str, Callable[[Any], Any] | None]]:
    """The columns, each with what makes the driver's value of ours where they differ."""
    dialect = connection.dialect
    types = (model.__table__.columns[name].type.dialect_impl(dialect) for name in names)
    return [(name, kind.bind_processor(dialect)) for name, kind in zip(names, types, strict=True)]
