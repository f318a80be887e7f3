"""Times in SQL as numbers since 1970, and what follows from them, in the words of each kind of store.

SQLite keeps a time as text and reads thousandths of it, rounded; PostgreSQL rounds what becomes a whole
number. Left to them, a stop just before midnight would be in the next day.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from db.columns import UTCDateTime

# It takes less than half as long, but SQLite before 3.38 lacks it.
_HAS_UNIXEPOCH = sqlite3.sqlite_version_info >= (3, 38)


class Seconds(FunctionElement[int]):
    """The whole seconds since 1970 of a time, rounded down."""

    type = BigInteger()
    inherit_cache = True


@compiles(Seconds, "sqlite")
def _seconds_on_sqlite(element: Seconds, compiler: Any, **options: Any) -> str:
    return _unixepoch(f"substr({_text(element, compiler, options)}, 1, 19)")


@compiles(Seconds, "postgresql")
def _seconds_on_postgresql(element: Seconds, compiler: Any, **options: Any) -> str:
    at = _text(element, compiler, options)
    return f"CAST(extract(epoch FROM date_trunc('second', {at})) AS BIGINT)"


class Microseconds(FunctionElement[int]):
    """The microseconds since 1970 of a time."""

    type = BigInteger()
    inherit_cache = True


@compiles(Microseconds, "sqlite")
def _microseconds_on_sqlite(element: Microseconds, compiler: Any, **options: Any) -> str:
    at = _text(element, compiler, options)
    return f"({_unixepoch(f'substr({at}, 1, 19)')} * 1000000 + CAST(substr({at}, 21, 6) AS INTEGER))"


@compiles(Microseconds, "postgresql")
def _microseconds_on_postgresql(element: Microseconds, compiler: Any, **options: Any) -> str:
    return f"CAST(extract(epoch FROM {_text(element, compiler, options)}) * 1000000 AS BIGINT)"


class SummedLengths(FunctionElement[int]):
    """The seconds of many spans of time, from their beginnings to their ends, together: on SQLite each is
    rounded to one.
    """

    type = BigInteger()
    inherit_cache = True


@compiles(SummedLengths, "sqlite")
def _lengths_on_sqlite(element: SummedLengths, compiler: Any, **options: Any) -> str:
    begun, ended = (_unixepoch(compiler.process(clause, **options)) for clause in element.clauses)
    return f"sum({ended} - {begun})"


@compiles(SummedLengths, "postgresql")
def _lengths_on_postgresql(element: SummedLengths, compiler: Any, **options: Any) -> str:
    begun, ended = (compiler.process(clause, **options) for clause in element.clauses)
    # The seconds of a time are a decimal number: of one for each row, the sum would cost more than all else.
    return f"CAST(floor(extract(epoch FROM sum({ended} - {begun}))) AS BIGINT)"


class TimeOf(FunctionElement[datetime]):
    """The time that so many seconds since 1970 are."""

    type = UTCDateTime()
    inherit_cache = True


@compiles(TimeOf, "sqlite")
def _time_on_sqlite(element: TimeOf, compiler: Any, **options: Any) -> str:
    return f"datetime({_text(element, compiler, options)}, 'unixepoch')"


@compiles(TimeOf, "postgresql")
def _time_on_postgresql(element: TimeOf, compiler: Any, **options: Any) -> str:
    return f"to_timestamp({_text(element, compiler, options)})"


class Later(FunctionElement[datetime]):
    """A time so many seconds later."""

    type = UTCDateTime()
    inherit_cache = True


@compiles(Later, "sqlite")
def _later_on_sqlite(element: Later, compiler: Any, **options: Any) -> str:
    at, seconds = (compiler.process(clause, **options) for clause in element.clauses)
    # With all places of a second, as times that are kept have: they are compared as text.
    return f"(datetime(substr({at}, 1, 19), {seconds} || ' seconds') || substr({at}, 20))"


@compiles(Later, "postgresql")
def _later_on_postgresql(element: Later, compiler: Any, **options: Any) -> str:
    at, seconds = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({at} + {seconds} * INTERVAL '1 second')"


def _text(element: FunctionElement[Any], compiler: Any, options: Any) -> str:
    text: str = compiler.process(element.clauses, **options)
    return text


def _unixepoch(text: str) -> str:
    return f"unixepoch({text})" if _HAS_UNIXEPOCH else f"CAST(strftime('%s', {text}) AS INTEGER)"
