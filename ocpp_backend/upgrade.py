"""Brings a store made by an earlier version up to date: what is missing is added, nothing is taken away."""

from __future__ import annotations

from sqlalchemy import Connection, MetaData, Table, inspect
from sqlalchemy.schema import CreateColumn


def add_missing(db: Connection, metadata: MetaData) -> None:
    """Create missing tables, columns and indexes. Doing it again, or after a cut in the middle, is harmless.

    A column added to a released table is nullable or has a server default, so that old rows have a value.
    """
    metadata.create_all(db)
    known = inspect(db)
    for table in metadata.sorted_tables:
        names = {column["name"] for column in known.get_columns(table.name)}
        _add_columns(db, table, names)
        for index in table.indexes:
            index.create(db, checkfirst=True)


def _add_columns(db: Connection, table: Table, known: set[str]) -> None:
    quoted = db.dialect.identifier_preparer.format_table(table)
    for column in table.columns:
        if column.name not in known:
            definition = CreateColumn(column).compile(dialect=db.dialect)
            db.exec_driver_sql(f"ALTER TABLE {quoted} ADD COLUMN {definition}")
