"""What statements about a scope and a period are made of.

Those over few rows are built once and prepared: to build, look up and wrap them would take longer than to
answer them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache, wraps
from typing import Any, Concatenate, ParamSpec, TypeVarTuple

from sqlalchemy import ColumnElement, Date, FromClause, Select, and_, bindparam, select, union_all

from db.analytics.scope import Scope
from db.models import HourProfile, Rollup
from db.prepared import Passing, Prepared

_P = ParamSpec("_P")
_Ts = TypeVarTuple("_Ts")


def built_once(
    build: Callable[Concatenate[Scope, _P], Select[*_Ts]],
) -> Callable[Concatenate[Scope, _P], Prepared[*_Ts]]:
    """Keep the statement that `build` makes for a scope. There are as many sets of stations as somebody
    thinks of, so theirs are not kept.
    """

    def prepared(scope: Scope, /, *args: _P.args, **named: _P.kwargs) -> Prepared[*_Ts]:
        return Prepared(build(scope, *args, **named))

    kept: Any = lru_cache(maxsize=512)(prepared)

    @wraps(build)
    def built(scope: Scope, /, *args: _P.args, **named: _P.kwargs) -> Prepared[*_Ts]:
        if scope.kind == "stations":
            return Passing(build(scope, *args, **named))
        statement: Prepared[*_Ts] = kept(scope, *args, **named)
        return statement

    return built


_RANGES = {"month": "month", "first": "day", "second": "day", "all": "day"}  # the grain of each part
DAYS = ("all",)  # a row for each day of the period


def ranges(parts: Collection[str], table: type[Rollup | HourProfile] = Rollup) -> list[ColumnElement[bool]]:
    """A condition for each of the `parts` of a period (`Period.names_of_parts`, or `DAYS`). The period is
    told when the statement is executed, so that it is built but once.
    """
    return [_of_grain(table, grain, name) for name, grain in _RANGES.items() if name in parts]


def rows_of(
    scope: Scope, parts: Collection[str], names: Sequence[str], table: type[Rollup | HourProfile] = Rollup
) -> FromClause:
    """Columns of a scope's rows in these parts of a period, to be told it as `ranges` are."""
    columns = [table.__table__.c[name] for name in names]
    # A part at a time: with a choice of parts, PostgreSQL would read and judge every row of the scope.
    pieces = (select(*columns).where(scope.rollups(table), part) for part in ranges(parts, table))
    return union_all(*pieces).subquery()


def in_days() -> ColumnElement[bool]:
    """The row of each day."""
    return ranges(DAYS)[0]


def _of_grain(table: type[Rollup | HourProfile], grain: str, part: str) -> ColumnElement[bool]:
    columns = table.__table__.c
    return and_(
        columns.grain == grain,
        columns.bucket >= bindparam(f"{part}_start", type_=Date),
        columns.bucket < bindparam(f"{part}_end", type_=Date),
    )
