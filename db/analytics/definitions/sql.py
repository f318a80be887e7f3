"""What SQLite and PostgreSQL say differently, and the clocks of a scope as a table: parts of drill-throughs.

Instants are whole seconds since 1970, as `db.sums` adds them up.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Integer,
    String,
    bindparam,
    case,
    cast,
    column,
    func,
    literal,
    select,
    values,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.functions import FunctionElement

from db.analytics.buckets import instants
from db.analytics.scope import Period, Scope
from db.analytics.zones import timezones
from db.clocks import clock
from db.columns import UTCDateTime
from db.sums import LONGEST


class day_of(FunctionElement[str]):
    """The day of a reading of a clock, as 2025-03-30."""

    type = String()
    inherit_cache = True


@compiles(day_of, "sqlite")
def _day_on_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"date({compiler.process(element.clauses, **options)}, 'unixepoch')"


@compiles(day_of, "postgresql")
def _day_on_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    at = compiler.process(element.clauses, **options)
    return f"to_char(to_timestamp({at}) AT TIME ZONE 'UTC', 'YYYY-MM-DD')"


class least(FunctionElement[int]):
    """The smaller of two numbers, neither of them null."""

    type = BigInteger()
    inherit_cache = True
    name = "least"


class greatest(FunctionElement[int]):
    type = BigInteger()
    inherit_cache = True
    name = "greatest"


@compiles(least, "sqlite")
def _least_on_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"min({compiler.process(element.clauses, **options)})"


@compiles(greatest, "sqlite")
def _greatest_on_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"max({compiler.process(element.clauses, **options)})"


@compiles(least, "postgresql")
@compiles(greatest, "postgresql")
def _on_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    return f"{element.name}({compiler.process(element.clauses, **options)})"


class Days(NamedTuple):
    """The period by the clock of each zone in scope, as a table to join stations with.

    Its columns: zone, first, until (times), `first_second`, `until_second`. `earliest` and `latest` hold for
    all zones: conditions on them let an index help.
    """

    table: CTE
    earliest: datetime
    latest: datetime


def days(store: Session, scope: Scope, period: Period) -> Days:
    bounds = [(zone, *period.bounds(zone)) for zone in _zones(store, scope)]
    table = _table(
        "days",
        {
            "zone": String(),
            "first": UTCDateTime(),
            "until": UTCDateTime(),
            "first_second": BigInteger(),
            "until_second": BigInteger(),
        },
        [
            (zone, first, until, int(first.timestamp()), int(until.timestamp()))
            for zone, first, until in bounds
        ],
    )
    return Days(table, min(first for _, first, _ in bounds), max(until for *_, until in bounds))


def clocks(store: Session, scope: Scope, period: Period) -> CTE:
    """How far each clock in scope is ahead of UTC within the period: zone, since, until, ahead."""
    rows = [(zone, *stretch) for zone in _zones(store, scope) for stretch in _stretches(zone, period)]
    return _table(
        "clocks",
        {"zone": String(), "since": BigInteger(), "until": BigInteger(), "ahead": BigInteger()},
        rows,
    )


def numbers() -> CTE:
    """The numbers from 0 on, one for each hour that a session may reach into."""
    number = select(literal(0, Integer).label("number")).cte("numbers", recursive=True)
    most = int(LONGEST / timedelta(hours=1)) + 2
    return number.union_all(select(number.c.number + 1).where(number.c.number < most))


def weekday_of(hours: ColumnElement[int]) -> ColumnElement[int]:
    """0 is Monday, of hours since 1970 on the local clock. 1970 began on a Thursday."""
    return (hours // 24 + 3) % 7


def hour_of(hours: ColumnElement[int]) -> ColumnElement[int]:
    return hours % 24


def merged(spans: CTE, *keys: str) -> CTE:
    """The same time without overlaps: spans (`keys`, first, last) that touch as one."""
    by, in_order = [spans.c[key] for key in keys], (spans.c.first, spans.c.last)
    reached = func.max(spans.c.last).over(partition_by=by, order_by=in_order, rows=(None, -1))
    is_new = case((spans.c.first <= reached, 0), else_=1).label("is_new")
    marked = select(spans, is_new).cte(f"{spans.name}_marked")
    by, in_order = [marked.c[key] for key in keys], (marked.c.first, marked.c.last)
    stretch = func.sum(marked.c.is_new).over(partition_by=by, order_by=in_order, rows=(None, 0))
    numbered = select(marked, stretch.label("stretch")).cte(f"{spans.name}_numbered")
    by = [numbered.c[key] for key in keys]
    return (
        select(*by, func.min(numbered.c.first).label("first"), func.max(numbered.c.last).label("last"))
        .group_by(*by, numbered.c.stretch)
        .cte(f"{spans.name}_merged")
    )


def told(store: Session, rows: list[tuple[int, ...]], *columns: str) -> CTE:
    """Rows of whole numbers as a table: one value to tell, however many they are."""
    given = bindparam(None, json.dumps(rows), String())
    if store.get_bind().dialect.name == "postgresql":
        row = func.jsonb_array_elements(cast(given, JSONB)).table_valued(column("value", JSONB)).c.value
        numbers: list[ColumnElement[int]] = [cast(row[n].astext, BigInteger) for n in range(len(columns))]
    else:
        row = func.json_each(given).table_valued(column("value", String)).c.value
        numbers = [func.json_extract(row, f"$[{n}]", type_=BigInteger()) for n in range(len(columns))]
    return select(*(number.label(name) for number, name in zip(numbers, columns, strict=True))).cte("told")


def _zones(store: Session, scope: Scope) -> list[str]:
    # A table has a row: where there are no stations, this one meets none.
    return sorted(timezones(store, scope)) or ["UTC"]


def _stretches(zone: str, period: Period) -> Iterator[tuple[int, int, int]]:
    """The parts of the period in which the clock does not jump: since, until, seconds ahead of UTC."""
    since, end = instants(period, zone)
    for until, ahead in clock(zone).offsets(since, end):
        yield since, until, ahead
        since = until


def _table(name: str, columns: dict[str, Any], rows: list[tuple[Any, ...]]) -> CTE:
    return values(*(column(title, kind) for title, kind in columns.items()), name=name).data(rows).cte(name)
