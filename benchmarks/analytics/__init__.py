"""The queries of the pages on a store of a million sessions, beside plain SQL over the sessions themselves.

Each query of Overview, Revenue and Availability runs for the whole network and for one owner, for the last
90 days and for the whole history. `raw_sql_ms` is one plain statement over a covering index of the sessions
(or of the statuses), and `duckdb_ms` the same in DuckDB over a copy in Parquet; all three must find the same.

Ours, plain SQL and DuckDB are asked in turns, a few times on end each; a time is the least of its runs. So
caches are warm, and whatever else the machine does hits all alike. What takes a tenth of a second is asked
once in each of fewer turns: after its scan nothing of the others is in the processor's caches.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from benchmarks.analytics.fixture import ZONE, duck, filled_store
from benchmarks.analytics.ours import QUESTIONS, Question, same
from benchmarks.analytics.plain import statements
from benchmarks.network import END
from benchmarks.targets import Target
from db.analytics import series
from db.analytics.scope import Period, Scope
from db.engine import reading
from db.models import OCPPConnector, StationOwner

_TURNS, _ON_END = 4, 5
_SLOW_SECONDS = 0.1
_TURNS_OF_SLOW = 2

TARGETS = (
    Target("times as fast as plain SQL over 90 days (median)", "median_speedup.90d", at_least=5),
    Target("times as fast as plain SQL over all (median)", "median_speedup.all", at_least=30),
    Target("queries slower than plain SQL", "slower_than_raw", at_most=0),
    Target("queries slower than 1.5 times DuckDB", "slower_than_duckdb", at_most=0),
    Target("ms of the slowest query over all", "worst_ms.all", at_most=100),
)
QUICK = ("--sessions", "100000")


def main(arguments: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="benchmarks analytics", description=__doc__)
    parser.add_argument("--sessions", type=int, default=1_000_000)
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--keep", type=Path, help="a folder in which the store is kept for the next run")
    parser.add_argument("--only", nargs="*", choices=[*QUESTIONS], default=[*QUESTIONS])
    options = parser.parse_args(arguments)
    with (
        filled_store(options.store, options.sessions, options.keep) as (engine, folder),
        reading(engine) as store,
        duck(folder) as copy,
    ):
        return {"sessions": options.sessions, "store": options.store, **_measure(store, copy, options.only)}


@dataclass(frozen=True)
class _Case:
    name: str
    scope: Scope
    period: Period


def _cases(store: Session) -> Iterator[_Case]:
    owner = Scope.owner(store.scalars(select(StationOwner.id).order_by(StationOwner.id).limit(1)).one())
    today = END.astimezone(ZoneInfo(ZONE)).date()
    days = series.first_and_last_day(store, Scope.network())
    assert days is not None, "there are no sessions"
    whole = Period(days[0], today + timedelta(days=1))
    for length, period in (("90d", Period.last_days(90, today)), ("all", whole)):
        yield _Case(f"network {length}", Scope.network(), period)
        yield _Case(f"owner {length}", owner, period)


def _measure(store: Session, copy: duckdb.DuckDBPyConnection, only: Sequence[str]) -> dict[str, Any]:
    queries: dict[str, dict[str, float]] = {}
    for case in _cases(store):
        stations, connectors = _pks(store, case.scope)
        kind = store.get_bind().dialect.name
        plain, duck_sql = (
            statements(words, case.period, END, stations, connectors) for words in (kind, "duckdb")
        )
        for name in only:
            queries[f"{name} {case.name}"] = _compare(
                name, QUESTIONS[name], case, store, copy, plain[name], duck_sql[name]
            )
    return {"queries": queries, **_whole(queries)}


def _whole(queries: dict[str, dict[str, float]]) -> dict[str, Any]:
    lengths = {
        length: [q for name, q in queries.items() if name.endswith(length)] for length in ("90d", "all")
    }
    return {
        "median_speedup": {
            length: round(statistics.median(q["speedup"] for q in of), 1) for length, of in lengths.items()
        },
        "worst_ms": {length: max(q["ms"] for q in of) for length, of in lengths.items()},
        "slower_than_raw": [name for name, q in queries.items() if q["ms"] > q["raw_sql_ms"]],
        "slower_than_duckdb": [name for name, q in queries.items() if q["ms"] > 1.5 * q["duckdb_ms"]],
    }


def _pks(store: Session, scope: Scope) -> tuple[list[int], list[int]]:
    """The scope's stations and their connectors, none for the whole network."""
    if scope.kind == "network":
        return [], []
    stations = list(store.scalars(scope.stations()))
    of_these = select(OCPPConnector.id).where(OCPPConnector.ocpp_station_id.in_(stations))
    return stations, list(store.scalars(of_these))


def _compare(
    name: str,
    question: Question,
    case: _Case,
    store: Session,
    copy: duckdb.DuckDBPyConnection,
    plain: str,
    duck_sql: str,
) -> dict[str, float]:
    statement = text(plain.replace(":", "\\:"))

    def ours() -> Any:
        return question.ask(store, case.scope, case.period, END)

    def raw() -> Any:
        return store.execute(statement).all()

    def in_duckdb() -> Any:
        return copy.execute(duck_sql).fetchall()

    answer = ours()
    for who, rows in (("plain SQL", raw()), ("DuckDB", in_duckdb())):
        if not same(name, answer, rows):
            raise RuntimeError(
                f"{name} {case.name}: {who} finds otherwise, {rows[:3]} for {str(answer)[:300]}"
            )
    ms, raw_ms, duckdb_ms = _milliseconds((ours, raw, in_duckdb))
    return {
        "ms": round(ms, 2),
        "raw_sql_ms": round(raw_ms, 2),
        "speedup": round(raw_ms / ms, 1),
        "duckdb_ms": round(duckdb_ms, 2),
    }


def _milliseconds(queries: Sequence[Callable[[], Any]]) -> list[float]:
    """The least time of each."""
    least = [_seconds(query, 1) for query in queries]
    turns = _TURNS_OF_SLOW if max(least) > _SLOW_SECONDS else _TURNS
    on_end = [1 if seconds > _SLOW_SECONDS else _ON_END for seconds in least]
    for _ in range(turns):
        again = [_seconds(query, times) for query, times in zip(queries, on_end, strict=True)]
        least = [min(*both) for both in zip(least, again, strict=True)]
    return [seconds * 1000 for seconds in least]


def _seconds(query: Callable[[], Any], times: int) -> float:
    """The least of so many runs on end."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        query()
        taken.append(time.perf_counter() - begun)
    return min(taken)
