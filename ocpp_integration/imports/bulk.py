"""Inserts of many rows at little more than the driver's own cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, insert


class BulkInsert:
    """Inserts rows of the columns `varying`; those of `constant` are the same in every row.

    SQLAlchemy's own executemany builds a dictionary per row and converts every value of it anew. Here its
    statement and its conversions are taken once, constants are converted once, and the rest goes to the
    driver as it is. A column with a default must be named too: defaults are not applied.
    """

    def __init__(
        self, connection: Connection, table: Table, varying: Sequence[str], constant: Mapping[str, Any]
    ):
        self._connection = connection
        names = [*varying, *constant]
        compiled = insert(table).inline().compile(dialect=connection.dialect, column_keys=names)
        self._sql = str(compiled)
        # None where the driver takes parameters by name.
        order = getattr(compiled, "positiontup", None)
        self._names = names if order is None else None
        self._positions = [names.index(name) for name in order or names]
        self._convert = [_converter(connection, table, name) for name in varying]
        self._constant = tuple(_converter(connection, table, name)(value) for name, value in constant.items())

    def execute(self, rows: Iterable[Sequence[Any]]) -> None:
        """Each row has the values of `varying`, in that order."""
        converted = [self._parameters(row) for row in rows]
        if converted:
            self._connection.exec_driver_sql(self._sql, converted)

    def _parameters(self, row: Sequence[Any]) -> Any:
        values = (
            *(convert(value) for convert, value in zip(self._convert, row, strict=True)),
            *self._constant,
        )
        if self._names is not None:
            return dict(zip(self._names, values, strict=True))
        return tuple(values[position] for position in self._positions)


def _converter(connection: Connection, table: Table, name: str) -> Callable[[Any], Any]:
    dialect = connection.dialect
    return table.c[name].type.dialect_impl(dialect).bind_processor(dialect) or _as_it_is


def _as_it_is(value: Any) -> Any:
    return value
