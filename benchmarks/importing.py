"""Importing sessions from a file, statistics included, and what bare inserts of the same rows take.

`rows_per_s` is `manage.py import-sessions` in a process of its own, from reading the file to the commit;
`rss_mb` is the most memory which that process ever had. `raw_rows_per_s` is SQLAlchemy's executemany of the
rows that it made, into the same table of another store, with its commit.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Engine, Table, create_engine, func, insert, select, text

from benchmarks.clusters import HURRIED, primary
from benchmarks.network import Charge, add_network, charges
from benchmarks.targets import Target
from db import migrate, rollups
from db.engine import make_engine, reading, writing
from db.models import ChargingSession
from management import imports
from settings import ROOT

_AT_ONCE = 10_000
_HEADER = (
    "session_id",
    "station_id",
    "connector_id",
    "start_time",
    "stop_time",
    "energy_kwh",
    "charging_seconds",
    "user_id",
    "cost",
    "currency",
    "stop_reason",
)

TARGETS = (
    Target("rows a second, of bare inserts", "rows_per_s", ratio="ratio", at_least=0.25),
    Target("MB of memory", "rss_mb", at_most=500),
)
QUICK = ("--rows", "100000")


def main(arguments: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="benchmarks import", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, _stores(options.store, Path(folder)) as (ours, raw):
        file = Path(folder) / "sessions.csv"
        _write(file, options.rows)
        told = _import(file, ours.url.render_as_string(hide_password=False))
        _check(ours, options.rows)
        return _figures(options.rows, told["seconds"], _raw(ours, raw), told["rss_mb"])


def _figures(rows: int, seconds: float, raw_seconds: float, rss_mb: float) -> dict[str, Any]:
    return {
        "rows_per_s": round(rows / seconds),
        "raw_rows_per_s": round(rows / raw_seconds),
        "ratio": round(raw_seconds / seconds, 3),
        "rss_mb": round(rss_mb),
    }


@contextmanager
def _stores(kind: str, folder: Path) -> Iterator[tuple[Engine, Engine]]:
    """Two empty stores of the same network."""
    if kind == "sqlite":
        yield _store(f"sqlite:///{folder / 'ours.db'}"), _store(f"sqlite:///{folder / 'raw.db'}")
        return
    with primary(**HURRIED) as cluster:
        server = create_engine(cluster.url, isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            for name in ("ours", "raw"):
                connection.execute(text(f"CREATE DATABASE {name}"))
        server.dispose()
        stores = [
            _store(server.url.set(database=name).render_as_string(hide_password=False))
            for name in ("ours", "raw")
        ]
        yield stores[0], stores[1]
        for store in stores:
            store.dispose()


def _store(url: str) -> Engine:
    engine = make_engine(url)
    migrate.upgrade(engine)
    with writing(engine) as store:
        add_network(store)
    return engine


def _write(file: Path, rows: int) -> None:
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(_HEADER)
        writer.writerows(_cells(charge) for charge in charges(rows))


def _cells(charge: Charge) -> list[Any]:
    return [
        f"S-{charge.number:09}",
        f"STATION_{charge.station}",
        charge.connector,
        f"{charge.start:%Y-%m-%dT%H:%M:%SZ}",
        f"{charge.stop:%Y-%m-%dT%H:%M:%SZ}",
        charge.energy_wh / 1000,
        charge.charging_seconds,
        f"TAG{charge.number % 5000}",
        charge.cost,
        "ETB",
        charge.stop_reason,
    ]


def _import(file: Path, url: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.importing", str(file), url]
    done = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE)
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


def _import_here(file: str, url: str) -> None:
    engine = make_engine(url)
    begun = time.monotonic()
    imports.run(
        engine,
        Path(file),
        timezone="Africa/Addis_Ababa",
        owner_name="Imported",
        currency="ETB",
        rejects=None,
        known_stations_only=True,
        decimals=None,
        dates=None,
    )
    seconds = time.monotonic() - begun
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "rss_mb": rss_mb}))


def _check(engine: Engine, rows: int) -> None:
    """All of it is there, and the newest month's statistics are those of its rows."""
    with reading(engine) as store:
        count = store.scalar(select(func.count()).select_from(ChargingSession))
        newest = store.scalar(select(func.max(ChargingSession.stop_time))) or datetime.now(UTC)
        differing = rollups.differing(store, newest.date(), newest.date())
    if (count, differing) != (rows, 0):
        raise RuntimeError(f"{count} of {rows} rows were imported, and {differing} statistics differ")


def _raw(ours: Engine, raw: Engine) -> float:
    """Seconds in which the rows of one store get into the other."""
    table = cast("Table", ChargingSession.__table__)
    query = select(table).order_by(table.c.id).execution_options(yield_per=_AT_ONCE)
    seconds = 0.0
    with ours.connect() as source, raw.execution_options(writes=True).connect() as target:
        for part in source.execute(query).mappings().partitions():
            rows = [{name: value for name, value in row.items() if name != "id"} for row in part]
            begun = time.monotonic()
            target.execute(insert(table), rows)
            seconds += time.monotonic() - begun
        begun = time.monotonic()
        target.commit()
        return seconds + time.monotonic() - begun


if __name__ == "__main__":
    _import_here(*sys.argv[1:])
