"""Copying the tables of one database into another, and comparing both: rows, sums, and every value.

Values travel as the columns keep them: fixed-point numbers as integers, JSON as its text, times as aware UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Connection,
    DateTime,
    Engine,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    cast,
    column,
    func,
    select,
    table,
)
from sqlalchemy.sql.expression import TableClause
from sqlalchemy.types import TypeEngine

CHUNK = 5_000

Rows = Sequence[tuple[Any, ...]]


@dataclass(frozen=True)
class Content:
    """What a table has: its rows, the sum of each column of numbers, and a checksum of all values.

    The checksum does not depend on the order of the rows. It can be compared within a process only.
    """

    rows: int
    sums: dict[str, int]
    checksum: int

    def differences(self, other: Content) -> list[str]:
        """What differs in the other, in words; empty where nothing does."""
        found = [f"{self.rows:,} rows, {other.rows:,} there"] if self.rows != other.rows else []
        found += [
            f"{name} adds up to {total:,}, {other.sums[name]:,} there"
            for name, total in self.sums.items()
            if other.sums[name] != total
        ]
        if not found and self.checksum != other.checksum:
            found = ["a value is another one there, in a column that is not added up or in the wrong row"]
        return found


def snapshot(engine: Engine) -> Connection:
    """A connection on which everything is read as it was at one moment, whoever writes meanwhile."""
    if engine.dialect.name == "postgresql":
        return engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    # A transaction of SQLite keeps seeing what its first query saw.
    return engine.connect()


def count(db: Connection, copied: Table) -> int:
    return db.scalar(select(func.count()).select_from(copied)) or 0


def first_with_rows(db: Connection, metadata: MetaData) -> str | None:
    """A table that is not empty, None where all are."""
    return next(
        (each.name for each in metadata.sorted_tables if db.scalar(select(1).select_from(each).limit(1))),
        None,
    )


def copy(source: Connection, target: Connection, copied: Table, advance: Callable[[int], object]) -> Content:
    """Copy all rows of a table into the empty one of the same name; what the source has."""
    checksum = 0

    def passing() -> Iterator[Rows]:
        nonlocal checksum
        for rows in _read(source, copied):
            checksum += _checksum(rows)
            yield rows
            advance(len(rows))

    if target.dialect.name == "postgresql":
        _copy_in(target, copied, passing())
    else:
        _insert(target, copied, passing())
    return Content(count(source, copied), _sums(source, copied), checksum)


def content(db: Connection, copied: Table, advance: Callable[[int], object]) -> Content:
    """What a table has, read in full."""
    checksum = 0
    for rows in _read(db, copied):
        checksum += _checksum(rows)
        advance(len(rows))
    return Content(count(db, copied), _sums(db, copied), checksum)


def number_on(db: Connection, metadata: MetaData) -> None:
    """Let PostgreSQL number new rows after the copied ones; SQLite does so by itself."""
    if db.dialect.name != "postgresql":
        return
    for each in metadata.sorted_tables:
        numbered = each.autoincrement_column
        if numbered is not None and (newest := db.scalar(select(func.max(numbered)))) is not None:
            sequence = func.pg_get_serial_sequence(each.name, numbered.name)
            db.execute(select(func.setval(sequence, newest)))


def _read(db: Connection, copied: Table) -> Iterator[Rows]:
    """The rows in chunks, so that memory does not grow with the table."""
    plain = _plain(copied)
    columns = [
        cast(plain.c[each.name], Text) if isinstance(each.type, JSON) else plain.c[each.name]
        for each in copied.columns
    ]
    result = db.execute(select(*columns), execution_options={"yield_per": CHUNK})
    for rows in result.partitions():
        yield [tuple(row) for row in rows]


def _copy_in(db: Connection, copied: Table, chunks: Iterable[Rows]) -> None:
    names = ", ".join(db.dialect.identifier_preparer.quote(each.name) for each in copied.columns)
    driver: Any = db.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {copied.name} ({names}) FROM STDIN") as stream:
        for rows in chunks:
            for row in rows:
                stream.write_row(row)


def _insert(db: Connection, copied: Table, chunks: Iterable[Rows]) -> None:
    names = [each.name for each in copied.columns]
    for rows in chunks:
        db.execute(_plain(copied).insert(), [dict(zip(names, row, strict=True)) for row in rows])


def _plain(copied: Table) -> TableClause:
    """The table with the types in which its values travel."""
    return table(copied.name, *(column(each.name, _stored(each.type)) for each in copied.columns))


def _stored(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    if isinstance(kind, JSON):
        return Text()
    if isinstance(kind, TypeDecorator) and not isinstance(kind.impl_instance, DateTime):
        return kind.impl_instance
    return kind


def _sums(db: Connection, copied: Table) -> dict[str, int]:
    plain = _plain(copied)
    numbers = [
        each for each in plain.c if isinstance(each.type, Integer) and not isinstance(each.type, Boolean)
    ]
    if not numbers:
        return {}
    totals = db.execute(select(*(func.sum(each) for each in numbers))).one()
    return {each.name: int(total or 0) for each, total in zip(numbers, totals, strict=True)}


def _checksum(rows: Rows) -> int:
    return sum(map(hash, rows))
