"""Statements that are compiled once and then executed by the store's driver itself.

Most questions of a page read few rows. To look a statement up among the compiled ones, bind its values and
wrap its rows takes SQLAlchemy longer than the store takes to answer; here that is done once for each dialect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVarTuple

import psycopg
from sqlalchemy import ColumnElement, Connection, Dialect, Select, literal_column
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

_Ts = TypeVarTuple("_Ts")
_Wire = Callable[[Any], Any]
_NOTHING: Mapping[str, Any] = {}
# An execution option of statements for which PostgreSQL is to make a plan each time they are executed: one
# for all values would be far too slow for many of them.
PLANNED_ANEW = {"is_planned_anew": True}
# To be told how many rows are wanted makes its one plan look dear, and so it would make another each time.
ONE: ColumnElement[int] = literal_column("1")


class Prepared(Generic[*_Ts]):
    """A statement that is executed again and again, each time with other values of its parameters."""

    def __init__(self, statement: Select[*_Ts]):
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, store: Session, told: Mapping[str, Any] = _NOTHING) -> Sequence[tuple[*_Ts]]:
        """All rows there are. `told` has the values of the parameters that have none yet; it may have others.

        Raises what any statement raises.
        """
        store.flush()
        connection = store.connection()
        dialect = connection.dialect
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            compiled = self._compiled[dialect.name] = _compile(self._statement, dialect)
        return compiled.typed(_execute(connection, compiled, compiled.values(told)))


class Passing(Prepared[*_Ts]):
    """A statement that is executed once, so that to compile it would be in vain."""

    def rows(self, store: Session, told: Mapping[str, Any] = _NOTHING) -> Sequence[tuple[*_Ts]]:
        store.flush()
        return store.connection().execute(self._statement, told).all()


@dataclass(frozen=True, slots=True)
class _Compiled:
    """`parameters` in the order of their marks, each with what makes the driver's value of ours and with its
    value where it has one; the `columns` with what makes ours of the driver's.
    """

    sql: str
    is_planned_anew: bool
    parameters: Sequence[tuple[str, _Wire | None, Any]]
    columns: Sequence[tuple[int, _Wire]]

    def values(self, told: Mapping[str, Any]) -> list[Any]:
        return [
            value if name not in told else told[name] if to_wire is None else to_wire(told[name])
            for name, to_wire, value in self.parameters
        ]

    def typed(self, rows: list[Any]) -> list[Any]:
        if not rows or not self.columns:
            return rows
        values: list[Any] = list(zip(*rows, strict=True))
        for position, from_wire in self.columns:
            values[position] = map(from_wire, values[position])
        return list(zip(*values, strict=True))


def _compile(statement: Select[*_Ts], dialect: Dialect) -> _Compiled:
    compiled: Any = statement.compile(dialect=_spoken(dialect))
    untold = {name: None for name, parameter in compiled.binds.items() if parameter.required}
    # Each value of a list gets a parameter of its own.
    expanded = compiled.construct_expanded_state(untold)
    known, wires = expanded.parameters, dict(expanded.processors)
    for name, parameter in compiled.binds.items():
        if (to_wire := parameter.type.dialect_impl(dialect).bind_processor(dialect)) is not None:
            wires[name] = to_wire
    told = {name: wires[name](known[name]) for name in wires.keys() & known.keys() - untold.keys()}
    parameters = [(name, wires.get(name), told.get(name, known[name])) for name in expanded.positiontup]
    types = (column.type.dialect_impl(dialect) for column in statement.selected_columns)
    columns = enumerate(each.result_processor(dialect, None) for each in types)
    return _Compiled(
        expanded.statement,
        statement.get_execution_options().get("is_planned_anew", False),
        parameters,
        [(place, wire) for place, wire in columns if wire is not None],
    )


def _spoken(dialect: Dialect) -> Dialect:
    """The dialect with the marks that `_execute` gives to the driver."""
    kind: Any = type(dialect)
    spoken: Dialect = kind(paramstyle="numeric_dollar") if dialect.name == "postgresql" else dialect
    return spoken


def _execute(connection: Connection, compiled: _Compiled, values: list[Any]) -> list[Any]:
    driver: Any = connection.connection.dbapi_connection
    failed = connection.dialect.loaded_dbapi.Error
    try:
        if connection.dialect.name == "sqlite":
            return list(driver.execute(compiled.sql, values).fetchall())
        with psycopg.RawCursor(driver) as cursor:
            # Else the driver prepares what comes often, and the server may keep one plan for it.
            prepare = False if compiled.is_planned_anew else None
            return cursor.execute(compiled.sql, values, prepare=prepare).fetchall()
    except failed as error:
        raise DBAPIError.instance(
            compiled.sql, None, error, failed, hide_parameters=True, dialect=connection.dialect
        ) from error
