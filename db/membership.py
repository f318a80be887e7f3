"""Conditions that something is one of many, in the words that each kind of store answers fastest."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, ColumnElement, Select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class RowsOfList(FunctionElement[int]):
    """The numbers of a JSON list as rows: one value to tell, however many they are."""

    inherit_cache = True


@compiles(RowsOfList, "sqlite")
def _listed_in_sqlite(element: RowsOfList, compiler: Any, **options: Any) -> str:
    return f"(SELECT value FROM json_each{compiler.process(element.clause_expr, **options)})"  # noqa: S608 - a mark


@compiles(RowsOfList, "postgresql")
def _listed_in_postgresql(element: RowsOfList, compiler: Any, **options: Any) -> str:
    told = compiler.process(element.clause_expr, **options)
    return f"(SELECT CAST(json_array_elements_text(CAST({told} AS json)) AS bigint))"


class Unindexed(FunctionElement[Any]):
    """A column by which SQLite is to look nothing up. It takes the rows of one station, or of one status, for
    few, and so would read all that there ever were in place of those of some days.
    """

    inherit_cache = True

    def __init__(self, column: Any):
        super().__init__(column)
        self.type = column.type


@compiles(Unindexed, "sqlite")
def _unindexed_in_sqlite(element: Unindexed, compiler: Any, **options: Any) -> str:
    return f"+{compiler.process(element.clauses, **options)}"


@compiles(Unindexed, "postgresql")
def _unindexed_in_postgresql(element: Unindexed, compiler: Any, **options: Any) -> str:
    # It has counted, and sees by itself which way is shorter.
    return str(compiler.process(element.clauses, **options))


class _Among(FunctionElement[bool]):
    """Whether the first clause is one of the rows of the second."""

    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> _Among:  # noqa: ARG002 - by its name
        # Else SQLite is asked whether it is 1, for which it uses no index.
        return self


@compiles(_Among, "sqlite")
def _among_in_sqlite(element: _Among, compiler: Any, **options: Any) -> str:
    one, few = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{one} IN {few}"


@compiles(_Among, "postgresql")
def _among_in_postgresql(element: _Among, compiler: Any, **options: Any) -> str:
    # It takes a list for short and looks each of them up; of a subquery it may think that it is long.
    one, few = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{one} = ANY (ARRAY{few})"


def among(column: Any, few: Select[Any]) -> ColumnElement[bool]:
    """The rows whose `column` is among a `few`, each of which is looked up in an index of the column."""
    return _Among(column, few.scalar_subquery())


class _AmongAll(_Among):
    """The same where the second has all that there are."""

    inherit_cache = True


@compiles(_AmongAll, "postgresql")
def _among_all_in_postgresql(*_element: _AmongAll, **_options: Any) -> str:
    return "true"


def among_all(column: Any, every: Select[Any]) -> ColumnElement[bool]:
    """No row is left out. SQLite looks each up in an index of the column, which else it would walk through;
    PostgreSQL, which has nothing to look up, would only compare them.
    """
    return _AmongAll(column, every.scalar_subquery())


def listed(column: Any, pks: Any) -> ColumnElement[bool]:
    """The rows whose `column` is in a JSON list."""
    return _Among(column, RowsOfList(pks))
