"""What SQLite and PostgreSQL say differently, and the clocks of a scope as a table: parts of drill-throughs.

Instants are whole seconds since 1970, as `db.sums` adds them up.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Integer,
    String,
    column,
    literal,
    select,
    values,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.functions import FunctionElement

from db.analytics.scope import Period, Scope
from db.clocks import DAY, clock
from db.columns import UTCDateTime
from db.models import ChargingStation, OCPPStation
from db.sums import LONGEST


class seconds(FunctionElement[int]):
    """The instant of a time, rounded down."""

    type = BigInteger()
    inherit_cache = True


@compiles(seconds, "sqlite")
def _seconds_on_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"CAST(strftime('%s', {compiler.process(element.clauses, **options)}) AS INTEGER)"


@compiles(seconds, "postgresql")
def _seconds_on_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    return f"CAST(floor(extract(epoch FROM {compiler.process(element.clauses, **options)})) AS BIGINT)"


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


def hours_of_longest() -> CTE:
    """The numbers from 0 on, one for each hour that a session may reach into."""
    number = select(literal(0, Integer).label("number")).cte("hours", recursive=True)
    most = int(LONGEST / timedelta(hours=1)) + 2
    return number.union_all(select(number.c.number + 1).where(number.c.number < most))


def weekday_of(hours: ColumnElement[int]) -> ColumnElement[int]:
    """0 is Monday, of hours since 1970 on the local clock. 1970 began on a Thursday."""
    return (hours // 24 + 3) % 7


def hour_of(hours: ColumnElement[int]) -> ColumnElement[int]:
    return hours % 24


def _zones(store: Session, scope: Scope) -> list[str]:
    named = (
        select(ChargingStation.timezone)
        .join(OCPPStation, OCPPStation.charging_station_id == ChargingStation.id)
        .where(OCPPStation.id.in_(scope.stations()))
        .distinct()
        .order_by(ChargingStation.timezone)
    )
    # A table has a row: where there are no stations, this one meets none.
    return list(store.scalars(named)) or ["UTC"]


def _stretches(zone: str, period: Period) -> Iterator[tuple[int, int, int]]:
    """The parts of the period in which the clock does not jump: since, until, seconds ahead of UTC."""
    local = clock(zone)
    since, end = (int(bound.timestamp()) for bound in period.bounds(zone))
    day = since
    while day < end:
        ahead, following = local.reading(since) - since, min(day + DAY, end)
        if following < end and local.reading(following) - following == ahead:
            day = following
            continue
        jump = _first_jump(local.reading, since=day, until=following, ahead=ahead)
        yield since, jump, ahead
        since = day = jump


def _first_jump(reading: Any, *, since: int, until: int, ahead: int) -> int:
    """The first instant from `since` on at which the clock is not so far ahead; `until` where none is."""
    low, high = since, until
    if reading(high - 1) - (high - 1) == ahead:
        return high
    while low < high:
        middle = (low + high) // 2
        if reading(middle) - middle == ahead:
            low = middle + 1
        else:
            high = middle
    return low


def _table(name: str, columns: dict[str, Any], rows: list[tuple[Any, ...]]) -> CTE:
    return values(*(column(title, kind) for title, kind in columns.items()), name=name).data(rows).cte(name)
