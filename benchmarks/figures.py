"""Every KPI of the table, for a network of 500 stations with a million sessions and statuses in 90 days.

Times are the least of a few runs, in milliseconds by the clock (`ms`) and of this process (`cpu_ms`; a server
of PostgreSQL computes in its own). `first_ms` is the run before those.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from benchmarks.analytics.fixture import empty_store, ended, settle
from benchmarks.network import END, add_network, charges
from benchmarks.targets import Target
from db import packed
from db.analytics import success
from db.analytics.definitions import KPIS, Kpi
from db.analytics.scope import Period, Scope
from db.bulk import insert_all
from db.engine import make_engine, reading, writing
from db.models import ConnectorStatusInterval, OCPPConnector
from db.rollups import rebuild
from ocpp_integration.imports import insert_sessions

_RUNS = 3
_STATUSES = ("available", "preparing", "charging", "suspended_ev", "finishing", "available", "charging")
_CHUNK = 20_000

TARGETS = (
    Target(
        "ms of the slowest KPI over 90 days",
        lambda result: max(f["ms"] for f in result["figures"].values()),
        at_most=1_000,
    ),
)
QUICK = ("--sessions", "100000", "--statuses", "40000")


def main(arguments: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="benchmarks figures", description=__doc__)
    parser.add_argument("--sessions", type=int, default=1_000_000)
    parser.add_argument("--statuses", type=int, default=400_000)
    parser.add_argument("--days", type=int, default=90, help="in which they passed, and of which figures are")
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--url", help="a store that is filled already, which is measured as it is")
    parser.add_argument("--fill-only", action="store_true", help="leave the store at --url filled")
    parser.add_argument("--only", nargs="*", default=[], help="the keys of the KPIs to measure")
    options = parser.parse_args(arguments)
    period = Period.last_days(options.days, END.date())
    told = {"sessions": options.sessions, "statuses": options.statuses, "days": options.days}
    if options.url and not options.fill_only:
        return {**told, "figures": _measure(make_engine(options.url), period, options.only)}
    with empty_store(options.store, options.url) as engine:
        _fill(engine, options.sessions, options.statuses, options.days)
        return {**told, "figures": {} if options.fill_only else _measure(engine, period, options.only)}


def _fill(engine: Engine, sessions: int, statuses: int, days: int) -> None:
    people = random.Random(2)
    with writing(engine) as store:
        add_network(store)
        store.flush()
        drivers = (f"TAG{people.randrange(20_000)}" for _ in range(sessions))
        found = map(ended, charges(sessions, days - 2), drivers)
        insert_sessions(store, found, source="import")
        for chunk in _chunks(list(_intervals(store, statuses, days))):
            insert_all(store, ConnectorStatusInterval, chunk)
    with writing(engine) as store:
        rebuild(store, (END - timedelta(days=days + 2)).date(), END.date())
        for day in packed.due(store, END.date()):
            packed.pack(store, day)
    settle(engine)


def _intervals(store: Session, count: int, days: int) -> Iterator[dict[str, Any]]:
    """Of each connector one after another; each hundredth says that something is wrong."""
    chance = random.Random(3)
    pks = store.scalars(select(OCPPConnector.id)).all()
    each = max(1, count // len(pks))
    length = timedelta(days=days) / each
    for pk in pks:
        at = END - length * each
        for number in range(each):
            status = chance.choice(("faulted", "unavailable", "offline")) if chance.random() < 0.01 else None
            last = number == each - 1
            yield {
                "ocpp_connector_id": pk,
                "status": status or _STATUSES[number % len(_STATUSES)],
                "error_code": "GroundFailure" if status == "faulted" else "",
                "vendor_error_code": "",
                "started_at": _second(at),
                "ended_at": None if last else _second(at + length),
            }
            at += length


def _second(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)


def _chunks(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    return (rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK))


def _measure(engine: Engine, period: Period, only: list[str]) -> dict[str, dict[str, float]]:
    def of(kpi: Kpi) -> Callable[[Session], Any]:
        return lambda store: kpi.value(store, Scope.network(), period, END)

    questions = {key: of(kpi) for key, kpi in KPIS.items()}
    questions["troubled_visits"] = lambda store: success.troubled_visits(store, Scope.network(), period)
    return {name: _times(engine, ask) for name, ask in questions.items() if not only or name in only}


def _times(engine: Engine, ask: Callable[[Session], Any]) -> dict[str, float]:
    runs = []
    for _ in range(_RUNS + 1):
        with reading(engine) as store:
            begun, worked = time.perf_counter(), time.process_time()
            ask(store)
            runs.append((time.perf_counter() - begun, time.process_time() - worked))
    names = ("ms", "cpu_ms")
    least = (min(each) for each in zip(*runs[1:], strict=True))
    found = dict(zip(names, least, strict=True)) | {"first_ms": runs[0][0]}
    return {name: round(seconds * 1000, 1) for name, seconds in found.items()}
