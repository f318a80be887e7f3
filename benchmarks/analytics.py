"""The queries of the Overview on a store of a million sessions, and plain SQL over the sessions themselves.

Each query runs for the whole network and for one owner, for the last 90 days and for the whole history.
`raw_sql_ms` is one plain statement over a covering index of the session table, which must find the same;
availability it leaves out. Times are the least of several runs, on warm caches.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, ColumnElement, Engine, Index, func, select, text, type_coerce
from sqlalchemy.orm import Session

from benchmarks.clusters import HURRIED, primary
from benchmarks.network import END, Charge, add_network, charges
from db import migrate
from db.analytics import kpis, series
from db.analytics.outcome import ENDED_STATUSES, SUCCESS_OVER_WH, VALID_STOP_REASONS
from db.analytics.scope import Period, Scope
from db.engine import make_engine, reading, writing
from db.models import ChargingSession, ConnectorStatusInterval, OCPPConnector, StationOwner
from ocpp_integration.imports import EndedSession, insert_sessions

ZONE = "Africa/Addis_Ababa"
_HOURS_FROM_UTC = 3
_RUNS = 15
_row = ChargingSession
_cost = type_coerce(_row.cost, BigInteger)
_has_ended = _row.status.in_(sorted(ENDED_STATUSES))
_is_valid = (_row.energy_wh > SUCCESS_OVER_WH) & func.coalesce(_row.stop_reason, "Local").in_(
    sorted(VALID_STOP_REASONS)
)
_SUMS = (
    func.count().filter(_row.energy_wh > 0),
    func.count().filter(~_is_valid),
    func.sum(_row.energy_wh),
    func.sum(_cost),
)
_ALL_OF_AN_END = (_row.status, _row.energy_wh, _row.stop_reason, _row.cost)

Query = Callable[[Session, Scope, Period], Any]


def main(arguments: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="benchmarks analytics", description=__doc__)
    parser.add_argument("--sessions", type=int, default=1_000_000)
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    options = parser.parse_args(arguments)
    with empty_store(options.store) as engine:
        _fill(engine, options.sessions)
        with reading(engine) as store:
            return {"sessions": options.sessions, **_measure(store)}


@contextmanager
def empty_store(kind: str, url: str | None = None) -> Iterator[Engine]:
    """One that is gone afterwards, or that at `url`."""
    if url:
        yield from _opened(url)
    elif kind == "postgresql":
        with primary(**HURRIED, shared_buffers="1GB") as cluster:
            yield from _opened(cluster.url)
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield from _opened(f"sqlite:///{Path(folder) / 'store.db'}")


def _opened(url: str) -> Iterator[Engine]:
    engine = make_engine(url)
    migrate.upgrade(engine)
    yield engine
    engine.dispose()


def _fill(engine: Engine, count: int) -> None:
    with writing(engine) as store:
        add_network(store)
        store.flush()
        for pk in store.scalars(select(OCPPConnector.id)).all():
            # Each connector last told its status within the last two days.
            since = END - timedelta(minutes=pk * 2 % 2880)
            store.add(
                ConnectorStatusInterval(
                    ocpp_connector_id=pk, status="available", error_code="", started_at=since
                )
            )
        insert_sessions(store, map(ended, charges(count)), source="import")
    indexes = [
        Index("raw_stop", _row.stop_time, _row.ocpp_station_id, *_ALL_OF_AN_END),
        Index("raw_station_stop", _row.ocpp_station_id, _row.stop_time, *_ALL_OF_AN_END),
        Index("raw_start", _row.start_time, _row.ocpp_station_id, _row.status),
        Index("raw_station_start", _row.ocpp_station_id, _row.start_time, _row.status),
    ]
    with engine.execution_options(writes=True).begin() as connection:
        for index in indexes:
            index.create(connection)
            _row.__table__.indexes.discard(index)  # type: ignore[attr-defined]
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("ANALYZE" if engine.dialect.name == "sqlite" else "VACUUM ANALYZE"))


def ended(charge: Charge, id_tag: str | None = None) -> EndedSession:
    return EndedSession(
        external_id=str(charge.number),
        station_id=f"STATION_{charge.station}",
        connector_id=charge.connector,
        start_time=charge.start,
        stop_time=charge.stop,
        energy_wh=charge.energy_wh,
        charging_seconds=charge.charging_seconds,
        cost=charge.cost,
        tax=charge.tax,
        stop_reason=charge.stop_reason,
        id_tag=id_tag,
    )


def _measure(store: Session) -> dict[str, Any]:
    owner = Scope.owner(store.scalars(select(StationOwner.id).limit(1)).one())
    today = END.astimezone(ZoneInfo(ZONE)).date()
    days = series.first_and_last_day(store, Scope.network()) or (today, today)
    periods = {"90d": Period.last_days(90, today), "all": Period(days[0], today + timedelta(days=1))}
    queries: dict[str, dict[str, float]] = {}
    for length, period in periods.items():
        for scope_name, scope in (("network", Scope.network()), ("owner", owner)):
            for name, (ours, raw) in _QUERIES.items():
                queries[f"{name} {scope_name} {length}"] = _compare(store, scope, period, name, ours, raw)
    return {
        "queries": queries,
        "median_speedup": {
            length: round(statistics.median(_of(queries, length, "speedup")), 1) for length in periods
        },
        "worst_ms": {length: max(_of(queries, length, "ms")) for length in periods},
    }


def _of(queries: dict[str, dict[str, float]], length: str, figure: str) -> list[float]:
    return [figures[figure] for name, figures in queries.items() if name.endswith(length)]


def _compare(
    store: Session, scope: Scope, period: Period, name: str, ours: Query, raw: Query
) -> dict[str, float]:
    found, expected = ours(store, scope, period), raw(store, scope, period)
    if found != expected:
        raise RuntimeError(f"{name} of {scope} in {period} is {found}, plain SQL finds {expected}")
    ms, raw_ms = _milliseconds(ours, store, scope, period), _milliseconds(raw, store, scope, period)
    return {"ms": round(ms, 2), "raw_sql_ms": round(raw_ms, 2), "speedup": round(raw_ms / ms, 1)}


def _milliseconds(query: Query, store: Session, scope: Scope, period: Period) -> float:
    times = []
    for _ in range(_RUNS):
        begun = time.perf_counter()
        query(store, scope, period)
        times.append(time.perf_counter() - begun)
    return min(times) * 1000


# Ours, as the plain figures that both know.


def _summary(store: Session, scope: Scope, period: Period) -> Any:
    found = kpis.summary(store, scope, period, END)
    return found.sessions, found.failed_attempts, found.energy_wh, _minor(sum(found.revenue.values()))


def _daily(store: Session, scope: Scope, period: Period) -> Any:
    return {
        point.day: (point.sessions, point.failed_attempts, point.energy_wh, _minor(point.revenue))
        for point in series.daily(store, scope, period, END)
        if point.error_rate is not None
    }


def _top(store: Session, scope: Scope, period: Period) -> Any:
    return [
        (each.station_pk, each.sessions, each.energy_wh, _minor(each.revenue))
        for each in series.top_stations(store, scope, period)
    ]


def _minor(amount: Any) -> int:
    return int(amount * 100)


# The same in plain SQL.


def _raw_summary(store: Session, scope: Scope, period: Period) -> Any:
    return _numbers(store.execute(select(*_SUMS).where(*_ends(scope, period))).one())


def _raw_daily(store: Session, scope: Scope, period: Period) -> Any:
    day = _local_day(store, _row.stop_time.expression)
    rows = store.execute(select(day, *_SUMS).where(*_ends(scope, period)).group_by(day))
    return {_date(row[0]): _numbers(row[1:]) for row in rows}


def _raw_hours(store: Session, scope: Scope, period: Period) -> Any:
    first, last = period.bounds(ZONE)
    hour = _local_hour(store, _row.start_time.expression)
    query = select(hour, func.count()).where(
        _row.start_time >= first, _row.start_time < last, _row.status != "pending", *_at(scope)
    )
    grid = [[0] * 24 for _ in range(7)]
    for name, count in store.execute(query.group_by(hour)):
        grid[(int(name[0]) - 1) % 7][int(name[2:])] = count  # 0 is Sunday
    return grid


def _raw_top(store: Session, scope: Scope, period: Period) -> Any:
    totals = func.count().filter(_row.energy_wh > 0), func.sum(_row.energy_wh), func.sum(_cost)
    query = (
        select(_row.ocpp_station_id, *totals)
        .where(*_ends(scope, period))
        .group_by(_row.ocpp_station_id)
        .order_by(totals[2].desc(), totals[1].desc())
        .limit(6)
    )
    return [_numbers(row) for row in store.execute(query)]


def _raw_days(store: Session, scope: Scope, _period: Period) -> Any:
    first = select(func.min(_row.start_time)).where(*_at(scope)).scalar_subquery()
    last = select(func.max(_row.stop_time)).where(*_at(scope)).scalar_subquery()
    zone = ZoneInfo(ZONE)
    return tuple(at.astimezone(zone).date() for at in store.execute(select(first, last)).one())


def _ends(scope: Scope, period: Period) -> list[ColumnElement[bool]]:
    first, last = period.bounds(ZONE)
    return [_row.stop_time >= first, _row.stop_time < last, _has_ended, *_at(scope)]


def _at(scope: Scope) -> list[ColumnElement[bool]]:
    return [] if scope.kind == "network" else [_row.ocpp_station_id.in_(scope.stations())]


def _local_day(store: Session, time: ColumnElement[Any]) -> ColumnElement[Any]:
    if store.get_bind().dialect.name == "sqlite":
        return func.date(time, f"+{_HOURS_FROM_UTC} hours")
    return func.date(func.timezone(ZONE, time))


def _local_hour(store: Session, time: ColumnElement[Any]) -> ColumnElement[Any]:
    """Weekday (0 is Sunday) and hour, as in `3 17`."""
    if store.get_bind().dialect.name == "sqlite":
        return func.strftime("%w %H", time, f"+{_HOURS_FROM_UTC} hours")
    local = func.timezone(ZONE, time)
    return func.concat(func.extract("dow", local), " ", func.extract("hour", local))


def _numbers(row: Iterable[Any]) -> tuple[int, ...]:
    return tuple(int(value) for value in row)


def _date(day: str | date) -> date:
    return date.fromisoformat(day) if isinstance(day, str) else day


_QUERIES: dict[str, tuple[Query, Query]] = {
    "summary": (_summary, _raw_summary),
    "daily": (_daily, _raw_daily),
    "hour_by_weekday": (series.hour_by_weekday, _raw_hours),
    "top_stations": (_top, _raw_top),
    "first_and_last_day": (lambda store, scope, _: series.first_and_last_day(store, scope), _raw_days),
}
