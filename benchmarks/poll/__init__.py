"""Asking a backend about every running session, and storing what it says.

2,000 sessions have been silent; the backend is another process that answers each question after 20 ms.
`seconds` is what the poll job's work takes, answers stored; `sequential_seconds` is a plain loop of
`requests.get` that stores nothing, measured on a part of the sessions in the same run and scaled up.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import Engine, func, insert, select

import settings as configuration
from benchmarks.stack import free_ports
from benchmarks.targets import Target
from db import migrate
from db.engine import make_engine, reading, writing
from db.models import (
    ChargingConnector,
    ChargingSession,
    ChargingStation,
    OCPPConnector,
    OCPPStation,
    StationOwner,
    Tariff,
    utc_now,
)
from jobs.work import poll_sessions
from ocpp_integration.backend import BackendClient
from ocpp_integration.backend_state import StoredState
from settings import ROOT, Settings

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
SESSIONS_PER_STATION = 4
ENERGY_KWH = 7.25

TARGETS = (Target("seconds, beside a plain loop", "seconds", ratio="ratio", at_least=15),)
QUICK = ("--sessions", "500", "--sequential", "50")


def main(arguments: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="benchmarks poll", description=__doc__)
    parser.add_argument("--sessions", type=int, default=2000)
    parser.add_argument("--latency", type=float, default=20, help="of the backend, in milliseconds")
    parser.add_argument("--sequential", type=int, default=200, help="how many the plain loop asks for")
    parser.add_argument("--database", help="URL of an empty store; a SQLite file of its own unless given")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, _backend(options.latency) as url:
        settings = _settings(options.database or f"sqlite:///{Path(folder) / 'store.db'}", url)
        engine = make_engine(settings.database_url)
        migrate.upgrade(engine)
        add_sessions(engine, options.sessions)
        try:
            return _measure(engine, settings, url, options)
        finally:
            engine.dispose()


def add_sessions(engine: Engine, count: int) -> None:
    """Running sessions 1 to `count`, begun at `START` and silent since."""
    stations = -(-count // SESSIONS_PER_STATION)
    with writing(engine) as store:
        owner = StationOwner(name="Benchmark")
        tariff = Tariff(
            name="10 ETB",
            currency="ETB",
            price_per_kwh=Decimal(10),
            vat_percent=Decimal(15),
            valid_from=START,
        )
        store.add_all([owner, tariff])
        for number in range(stations):
            store.add(_station(number, owner, tariff))
        store.flush()
        connectors = store.execute(
            select(OCPPConnector.ocpp_station_id, OCPPConnector.id).order_by(OCPPConnector.id).limit(count)
        ).all()
        known = {
            "start_time": START,
            "reported_start": START,
            "meter_start": 1000,
            "id_tag": "BENCH",
            "status": "started",
            "reported_status": "started",
            "reported_status_at": START,
            "heard_at": START,
            "tariff_id": tariff.id,
        }
        rows = [
            {"transaction_id": number, "ocpp_station_id": station, "ocpp_connector_id": connector, **known}
            for number, (station, connector) in enumerate(connectors, start=1)
        ]
        store.execute(insert(ChargingSession), rows)


def _station(number: int, owner: StationOwner, tariff: Tariff) -> OCPPStation:
    place = ChargingStation(
        owner=owner, name=f"Station {number}", timezone="Africa/Addis_Ababa", currency="ETB"
    )
    station = OCPPStation(station_id=f"STATION_{number}", charging_station=place, is_online=True)
    for connector in range(1, SESSIONS_PER_STATION + 1):
        listed = ChargingConnector(
            station=place, number=connector, connector_type="ccs2", power_w=60_000, tariff=tariff
        )
        station.connectors.append(
            OCPPConnector(connector_id=connector, charging_connector=listed, status="charging")
        )
    return station


def _measure(engine: Engine, settings: Settings, url: str, options: argparse.Namespace) -> dict[str, Any]:
    backend = BackendClient(settings, watcher=StoredState(engine))
    part = min(options.sequential, options.sessions)
    before = _sequential(url, part // 2)
    begun = time.monotonic()
    outcome = poll_sessions(engine, backend, utc_now, settings)
    seconds = time.monotonic() - begun
    after = _sequential(url, part - part // 2)
    if (outcome.processed, outcome.failed) != (options.sessions, 0) or _stored(engine) != options.sessions:
        raise RuntimeError(f"not every answer was stored: {outcome}")
    sequential = (before + after) / part * options.sessions
    return {
        "seconds": round(seconds, 2),
        "sequential_seconds": round(sequential, 2),
        "ratio": round(sequential / seconds, 1),
    }


def _sequential(url: str, count: int) -> float:
    begun = time.monotonic()
    for number in range(1, count + 1):
        requests.get(f"{url}/api/locator/session/{number}/", timeout=30).json()
    return time.monotonic() - begun


def _stored(engine: Engine) -> int:
    """Sessions that hold what the backend said."""
    told = (ChargingSession.energy_wh == int(ENERGY_KWH * 1000), ChargingSession.status == "charging")
    with reading(engine) as store:
        return store.scalar(select(func.count()).select_from(ChargingSession).where(*told)) or 0


def _settings(database_url: str, backend_url: str) -> Settings:
    return configuration.load(None, database_url=database_url, ocpp_base_url=backend_url, poll_budget=600)


@contextlib.contextmanager
def _backend(latency: float) -> Iterator[str]:
    (port,) = free_ports(1)
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.poll.locator", str(port), str(latency), str(ENERGY_KWH)], cwd=ROOT
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_it_answers(url)
        yield url
    finally:
        process.kill()
        process.wait()


def _wait_until_it_answers(url: str) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            requests.get(url, timeout=1)
        except requests.RequestException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
