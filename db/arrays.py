"""Many rows out of the store at once, as arrays: no objects are made of what is only to be added up."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any, cast

import numpy as np
import psycopg
from numpy.typing import NDArray
from sqlalchemy import Select
from sqlalchemy.orm import Session

Integers = NDArray[np.int64]

# What a binary COPY begins with: its signature, flags and the length of nothing more. It ends with -1.
_HEADER, _TRAILER = 19, 2


def integers(store: Session, query: Select[*tuple[Any, ...]]) -> dict[str, Integers]:
    """An array of each column, by its name. All of them are of `BigInteger` and none is ever null."""
    names = list(query.selected_columns.keys())
    read = _copied if store.get_bind().dialect.name == "postgresql" else _fetched
    return dict(zip(names, read(store, query, len(names)), strict=True))


def positions(known: Integers, values: Integers) -> Integers:
    """Where in `known`, ids of rows, each of the `values` is; -1 where it is not among them."""
    # A table of every id up to the last: ids are small, and to search for a million takes ten times as long.
    table = np.full(known.max(initial=-1) + 2, -1, np.int64)
    table[known] = np.arange(len(known))
    # The last place of the table is nobody's.
    return table[np.clip(values, -1, len(table) - 1)]


def mixed(store: Session, query: Select[*tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
    """The same of columns of any types, with the values that the driver gives."""
    names = list(query.selected_columns.keys())
    with store.connection().execute(query) as found:
        rows = found.cursor.fetchall()
    return dict(zip(names, zip(*rows, strict=True) if rows else [()] * len(names), strict=True))


def _fetched(store: Session, query: Select[*tuple[Any, ...]], width: int) -> Integers:
    with store.connection().execute(query) as found:
        rows = cast("Iterable[tuple[int, ...]]", found.cursor)
        values = np.fromiter(chain.from_iterable(rows), np.int64)
    return np.ascontiguousarray(values.reshape(-1, width).T)


def _copied(store: Session, query: Select[*tuple[Any, ...]], width: int) -> Integers:
    connection = store.connection()
    dialect = connection.dialect
    compiled = query.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    told = dict(compiled.params)
    for bound, name in compiled.bind_names.items():
        to_wire = bound.type.dialect_impl(dialect).bind_processor(dialect)
        if to_wire and name in told:
            told[name] = to_wire(told[name])
    statement = f"COPY ({compiled}) TO STDOUT (FORMAT BINARY)"
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    with driver.cursor() as cursor, cursor.copy(statement, told) as copy:
        content = b"".join(copy)
    # Of each row the number of its fields, then of each field its length and the field.
    row = np.dtype(
        [("fields", ">i2"), *((f"{n}{kind}", size) for n in range(width) for kind, size in _FIELD)]
    )
    count = (len(content) - _HEADER - _TRAILER) // row.itemsize
    rows = np.frombuffer(content, row, count, _HEADER)
    return np.array([rows[f"{n}value"] for n in range(width)], np.int64)


_FIELD = (("length", ">i4"), ("value", ">i8"))
