"""A store of many sessions and status intervals in three years, filled once and kept where asked to."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, cast

import duckdb
import pyarrow as pa
from pyarrow import parquet
from sqlalchemy import (
    BigInteger,
    Engine,
    Index,
    Select,
    String,
    Table,
    event,
    insert,
    select,
    text,
    type_coerce,
    update,
)
from sqlalchemy import cast as sql_cast

from benchmarks.clusters import HURRIED, kept
from benchmarks.network import A_MILLION, CONNECTORS, DAYS, END, STATIONS, Charge, add_network, charges
from db import migrate, planner, rollups
from db.bulk import insert_all
from db.engine import make_engine, reading, writing
from db.models import (
    ChargingSession,
    ChargingStation,
    ConnectorStatusInterval,
    HourProfile,
    OCPPConnector,
    OCPPStation,
    Rollup,
)
from db.sums import HOURS, METRICS, IntervalFacts
from ocpp_integration.imports import EndedSession, insert_sessions

ZONE = "Africa/Addis_Ababa"
_AT_ONCE = 50_000
METRICS_OF_SESSIONS = tuple(m for m in METRICS if m not in ("observed_seconds", "outage_seconds"))
_session, _interval = ChargingSession, ConnectorStatusInterval
_ALL_OF_AN_END = (_session.status, _session.energy_wh, _session.stop_reason, _session.cost)
_TOLD = (
    _interval.ended_at,
    _interval.status,
    _interval.error_code,
    _interval.vendor_error_code,
)
# What plain queries want: every column that they read, in the order of time and of stations.
_INDEXES = {
    "raw_stop": (_session.stop_time, _session.ocpp_station_id, *_ALL_OF_AN_END),
    "raw_station_stop": (_session.ocpp_station_id, _session.stop_time, *_ALL_OF_AN_END),
    "raw_start": (_session.start_time, _session.ocpp_station_id, _session.status),
    "raw_station_start": (_session.ocpp_station_id, _session.start_time, _session.status),
    "raw_status": (_interval.started_at, _interval.ocpp_connector_id, *_TOLD),
    "raw_connector_status": (_interval.ocpp_connector_id, _interval.started_at, *_TOLD),
}
_FAULTS = (
    *(("GroundFailure", ""), ("HighTemperature", ""), ("InternalError", ""), ("PowerSwitchFailure", "")),
    *(("OtherError", f"CX{number:03}") for number in (2, 3, 8, 11, 17)),
)


class _Status(NamedTuple):
    connector: int  # of the network, counted from 0
    status: str
    error_code: str
    vendor_error_code: str
    started_at: datetime
    ended_at: datetime | None


@contextmanager
def filled_store(kind: str, count: int, keep: Path | None) -> Iterator[tuple[Engine, Path]]:
    """A store of `count` sessions and as many status intervals, and a folder with the same in Parquet files.

    Both are kept in the folder `keep`, where a later run finds them.
    """
    with tempfile.TemporaryDirectory(prefix="pg") as passing:
        folder = (keep or Path(passing)) / f"{kind}-{count}"
        folder.mkdir(parents=True, exist_ok=True)
        if kind == "postgresql":
            with kept(folder, **HURRIED, shared_buffers="1GB") as cluster:
                yield from _opened(cluster.url, count, folder)
        else:
            yield from _opened(f"sqlite:///{folder / 'store.db'}", count, folder)


def _opened(url: str, count: int, folder: Path) -> Iterator[tuple[Engine, Path]]:
    if not (folder / "filled").exists():
        engine = _hurried(make_engine(url))
        migrate.upgrade(engine)
        first = min(count, A_MILLION)
        _fill(engine, first)
        _copy(engine, folder)
        if count > first:
            repeat_sessions(engine, folder, count // first)
        _index(engine)
        engine.dispose()
        (folder / "filled").touch()
    engine = make_engine(url)
    migrate.upgrade(engine)
    settle(engine)
    yield engine, folder
    engine.dispose()


@contextmanager
def empty_store(kind: str, url: str | None = None) -> Iterator[Engine]:
    """One that is gone afterwards, or that at `url`."""
    with tempfile.TemporaryDirectory(prefix="pg") as folder, ExitStack() as running:
        if url is None and kind == "postgresql":
            url = running.enter_context(kept(Path(folder), **HURRIED, shared_buffers="1GB")).url
        engine = _hurried(make_engine(url or f"sqlite:///{folder}/store.db"))
        migrate.upgrade(engine)
        yield engine
        engine.dispose()


def _hurried(engine: Engine) -> Engine:
    """One whose store need not outlive a power cut, with room for indexes to be made in memory."""

    @event.listens_for(engine, "connect")
    def hurry(dbapi_connection: Any, _record: object) -> None:
        pragmas = ("synchronous=OFF", "cache_size=-1000000") if engine.dialect.name == "sqlite" else ()
        for pragma in pragmas:
            dbapi_connection.execute(f"PRAGMA {pragma}")

    return engine


def _fill(engine: Engine, count: int) -> None:
    with writing(engine) as store:
        add_network(store)
        store.flush()
        insert_sessions(store, map(ended, charges(count, DAYS)), source="import")
    _add_statuses(engine, count // (STATIONS * CONNECTORS))


def repeat_sessions(engine: Engine, folder: Path, times: int) -> None:
    """Let there be as many of each session, in the store, its sums and the copy: to make more of them would
    take long.
    """
    table = cast("Table", ChargingSession.__table__)
    columns = [column for column in table.columns if column.name not in ("id", "external_id")]
    indexes = sorted(table.indexes, key=lambda index: str(index.name))
    with engine.execution_options(writes=True).begin() as connection:
        for index in indexes:
            index.drop(connection)
        for number in range(1, times):
            rows = select(table.c.external_id + f" {number}", *columns)
            firsts = rows.where(~table.c.external_id.contains(" "))
            names = ["external_id", *(column.name for column in columns)]
            connection.execute(insert(table).from_select(names, firsts))
        for index in indexes:
            index.create(connection)
        for model, metrics in ((Rollup, METRICS_OF_SESSIONS), (HourProfile, HOURS)):
            sums = cast("Table", model.__table__)
            connection.execute(update(sums).values({name: sums.c[name] * times for name in metrics}))
    file, more = folder / "charging_sessions.parquet", folder / "more.parquet"
    duckdb.execute(
        f"COPY (SELECT s.* FROM '{file}' s, range({times}) ORDER BY s.start_time) "
        f"TO '{more}' (FORMAT parquet)"
    )
    more.rename(file)


def _index(engine: Engine) -> None:
    with engine.execution_options(writes=True).begin() as connection:
        for name, columns in _INDEXES.items():
            index = Index(name, *columns)
            index.create(connection)
            columns[0].class_.__table__.indexes.discard(index)


def settle(engine: Engine) -> None:
    """Let the planner know what there is, as a night does, and indexes tell it without a look at the rows."""
    with writing(engine) as store:
        planner.count_rows(store)
    if engine.dialect.name == "postgresql":
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(text("VACUUM ANALYZE"))


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


def _add_statuses(engine: Engine, per_connector: int) -> None:
    with writing(engine) as store:
        connectors = store.execute(
            select(OCPPConnector.id, OCPPStation.id, ChargingStation.owner_id)
            .join(OCPPStation, OCPPConnector.ocpp_station_id == OCPPStation.id)
            .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
            .order_by(OCPPConnector.id)
        ).all()
        sums, rows = rollups.Changes(), []
        for status in _statuses(len(connectors), per_connector):
            pk, station_pk, owner_id = connectors[status.connector]
            rows.append({"ocpp_connector_id": pk, **_without_connector(status)})
            if status.ended_at is not None:
                sums.add_interval(
                    IntervalFacts(
                        station_pk, owner_id, ZONE, "ETB", status.status, status.started_at, status.ended_at
                    )
                )
            if len(rows) == _AT_ONCE:
                insert_all(store, _interval, rows)
                rows.clear()
            if sums.are_many:
                sums.write(store)
        insert_all(store, _interval, rows)
        sums.write(store)


def _without_connector(status: _Status) -> dict[str, object]:
    return {name: value for name, value in status._asdict().items() if name != "connector"}


def _statuses(connectors: int, per_connector: int) -> Iterator[_Status]:
    """Each connector's statuses without a gap, about `per_connector` of them, one in 30 days an outage."""
    usual = timedelta(days=DAYS) / max(per_connector, 40)
    chance = random.Random(2)
    for connector in range(connectors):
        at = END - timedelta(days=DAYS)
        while at < END:
            length = usual * chance.uniform(0.5, 1.5)
            status, codes = chance.choice(("available", "charging")), ("", "")
            if chance.random() < usual / timedelta(days=30):
                status = chance.choice(("faulted", "faulted", "faulted", "offline", "unavailable"))
                length = timedelta(seconds=chance.randrange(600, 40_000))
            if status == "faulted":
                codes = chance.choice(_FAULTS)
            end = at + timedelta(seconds=int(length.total_seconds()))
            yield _Status(connector, status, *codes, at, end if end < END else None)
            at = end


def _copy(engine: Engine, folder: Path) -> None:
    """The sessions and statuses as Parquet files, times in UTC without a zone."""
    sessions = select(
        _session.ocpp_station_id,
        _session.start_time,
        _session.stop_time,
        _session.status,
        _session.energy_wh,
        type_coerce(_session.cost, BigInteger).label("cost"),
        _session.stop_reason,
    ).order_by(_session.id)
    statuses = select(_interval.started_at, _interval.ocpp_connector_id, *_TOLD).order_by(_interval.id)
    connectors = select(OCPPConnector.id, OCPPConnector.ocpp_station_id)
    stations = select(OCPPStation.id, sql_cast(OCPPStation.charging_station_id, String))
    places = select(sql_cast(ChargingStation.id, String).label("id"), ChargingStation.owner_id)
    for name, query in {
        "charging_sessions": sessions,
        "connector_status_intervals": statuses,
        "ocpp_connectors": connectors,
        "ocpp_stations": stations,
        "charging_stations": places,
    }.items():
        _copy_rows(engine, query, folder / f"{name}.parquet")


def _copy_rows(engine: Engine, query: Select[*tuple[object, ...]], file: Path) -> None:
    with reading(engine) as store:
        result = store.execute(query.execution_options(yield_per=_AT_ONCE))
        writer = None
        for rows in result.partitions():
            columns = zip(*rows, strict=True)
            piece = pa.table(
                {name: _column(values) for name, values in zip(result.keys(), columns, strict=True)}
            )
            writer = writer or parquet.ParquetWriter(file, piece.schema)
            writer.write_table(piece, row_group_size=_AT_ONCE)
        assert writer is not None, "there are no rows"
        writer.close()


def _column(values: tuple[object, ...]) -> pa.Array:
    if any(isinstance(value, datetime) for value in values):
        naive = [value.replace(tzinfo=None) if isinstance(value, datetime) else None for value in values]
        return pa.array(naive, pa.timestamp("us"))
    return pa.array(values)


def duck(folder: Path) -> duckdb.DuckDBPyConnection:
    """DuckDB over the Parquet files."""
    connection = duckdb.connect()
    for file in folder.glob("*.parquet"):
        connection.execute(f"CREATE VIEW {file.stem} AS SELECT * FROM '{file}'")
    return connection
