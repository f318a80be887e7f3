"""Two receivers and two jobs hosts on one PostgreSQL: is every event applied once, in order per station?

Each station sends its events one after the other, as the backend does, to the two receivers in turn; every
tenth is sent to the other one too, as when an answer got lost. With a replica, what the dashboard reads there
is compared as well. `lost`, `twice`, `disordered` and `differing` have to be zero.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from tqdm import tqdm
from urllib3 import HTTPConnectionPool

from benchmarks import chain
from benchmarks.clusters import Cluster, primary, replica_of
from benchmarks.stack import Stack
from benchmarks.targets import Target
from db import rollups
from db.analytics import sessions
from db.analytics.scope import Scope
from db.engine import reading, writing
from db.models import ChargingSession, ChargingStation, OCPPStation, SessionMeterValue, WebhookEvent
from db.replica import Replica
from management.environment import fresh_secrets
from ocpp_integration import events

PER_SESSION = 10
STEP_WH = 500
SENT_TWICE_EVERY = 10
STUCK_AFTER = 60.0
# No backend runs here, so nothing is synced or polled.
_QUIET = {"SYNC_SCHEDULE": "86400", "POLL_SCHEDULE": "86400", "ROLLUP_SCHEDULE": "86400"}


@dataclass(frozen=True)
class Sent:
    """One event as it goes over the wire."""

    id: str
    body: str


TARGETS = (
    Target("events a second applied", "events_per_s"),
    Target("events lost", "lost", at_most=0),
    Target("events applied twice", "twice", at_most=0),
    Target("events out of order", "disordered", at_most=0),
    Target("sessions and statistics that differ", "differing", at_most=0),
)
QUICK = ("--events", "4000", "--stations", "20")


def main(arguments: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="benchmarks cluster", description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--stations", type=int, default=50)
    parser.add_argument("--replica", action="store_true", help="stream to a replica and read from it")
    options = parser.parse_args(arguments)
    with ExitStack() as ending:
        store = ending.enter_context(primary())
        replica = ending.enter_context(replica_of(store)) if options.replica else None
        return run(store, options.events, options.stations, replica=replica)


def run(store: Cluster, count: int, stations: int, *, replica: Cluster | None = None) -> dict[str, Any]:
    """Send `count` events (rounded down to whole sessions) of `stations` stations through two hosts."""
    shared = {"DATABASE_URL": store.url, **fresh_secrets(), **_QUIET}
    with ExitStack() as ending:
        folders = [Path(ending.enter_context(tempfile.TemporaryDirectory())) for _ in range(2)]
        hosts = [ending.enter_context(Stack(folder, shared)) for folder in folders]
        names = _add_stations(hosts[0], stations)
        for host in hosts:
            host.start("receiver", "jobs")
        each = count // stations // PER_SESSION
        begun = time.monotonic()
        _send_all(hosts, names, each)
        received = time.monotonic() - begun
        _wait_until_applied(hosts)
        seconds = time.monotonic() - begun
        total = each * PER_SESSION * stations
        with reading(hosts[0].engine) as read:
            found = _faults(read, total, each * stations)
        if replica is not None:
            found["replica"] = _differing_there(hosts[0], replica)
        return {
            "events": total,
            "seconds": round(seconds, 1),
            "events_per_s": round(total / seconds),
            "received_per_s": round(total / received),
            **found,
        }


def _add_stations(host: Stack, count: int) -> list[str]:
    names = chain.add_stations(host, count)
    with writing(host.engine) as store:
        for place in store.scalars(select(ChargingStation)):
            store.add(OCPPStation(station_id=f"STATION_{place.id}", charging_station=place))
    return names


def _events(name: str, number: int, count: int) -> Iterator[Sent]:
    """The events of `count` sessions of a station, each a second after the one before, up to a moment ago."""
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=count * PER_SESSION)
    for session in range(count):
        for step in range(PER_SESSION):
            at += timedelta(seconds=1)
            body = {
                "type": _kind(step),
                "station_id": name,
                "transaction_id": number * 1_000_000 + session + 1,
                "timestamp": at.isoformat(),
                "data": _data(step, at),
            }
            yield Sent(f"{name}-{session}-{step}", orjson.dumps(body).decode())


def _kind(step: int) -> str:
    return {0: "session_started", PER_SESSION - 1: "session_stopped"}.get(step, "session_progress")


def _data(step: int, at: datetime) -> dict[str, Any]:
    if step == 0:
        return {"start_time": at.isoformat(), "meter_start": 0, "connector_id": 1}
    register = step * STEP_WH
    if step == PER_SESSION - 1:
        return {"stop_time": at.isoformat(), "meter_stop": register, "stop_reason": "Local"}
    value = {"timestamp": at.isoformat(), "value": str(register), "unit": "Wh"}
    return {
        "energy_consumed_kwh": register / 1000,
        "current_power_kw": 50,
        "connector_id": 1,
        "meter_values": [value],
    }


def _send_all(hosts: list[Stack], names: list[str], sessions_each: int) -> None:
    total = len(names) * sessions_each * PER_SESSION
    with tqdm(total=total, unit="event", disable=None) as bar, ThreadPoolExecutor(len(names)) as pool:
        sending = [
            pool.submit(_send, hosts, name, number, sessions_each, bar) for number, name in enumerate(names)
        ]
        for station in sending:
            station.result()


def _send(hosts: list[Stack], name: str, number: int, count: int, bar: tqdm[Any]) -> None:
    """One station's events, in order: the next goes when the one before was answered."""
    doors = [HTTPConnectionPool(host.settings.host, host.settings.receiver_port) for host in hosts]
    for position, event in enumerate(_events(name, number, count)):
        _post(hosts, doors, position % 2, event)
        if position % SENT_TWICE_EVERY == 0:
            _post(hosts, doors, (position + 1) % 2, event)
        bar.update()


def _post(hosts: list[Stack], doors: list[HTTPConnectionPool], which: int, event: Sent) -> None:
    headers = events.sign(hosts[which].settings.webhook_secrets, event.id, event.body, datetime.now(UTC))
    answer = doors[which].request("POST", "/api/ocpp/webhook/", body=event.body, headers=headers, timeout=30)
    if answer.status != 200:
        raise RuntimeError(f"{event.id} was answered {answer.status}: {answer.data[:200]!r}")


def _wait_until_applied(hosts: list[Stack]) -> None:
    """Raises `RuntimeError` where nothing more is applied."""
    received = select(func.count()).select_from(WebhookEvent).where(WebhookEvent.state == "received")
    before, deadline = None, 0.0
    while True:
        with reading(hosts[0].engine) as store:
            left = store.scalar(received)
        if not left:
            return
        if left != before:
            before, deadline = left, time.monotonic() + STUCK_AFTER
        elif time.monotonic() > deadline:
            logs = "\n".join(host.log("jobs")[-1500:] for host in hosts)
            raise RuntimeError(f"{left} events are not applied:\n{logs}")
        time.sleep(0.1)


def _faults(store: Session, total: int, session_count: int) -> dict[str, int]:
    """What is not as it has to be, by its kind."""
    applied = _count(store, select(WebhookEvent).where(WebhookEvent.state == "applied"))
    values = _count(store, select(SessionMeterValue)) - session_count * (PER_SESSION - 2)
    whole = select(ChargingSession).where(
        ChargingSession.status == "completed", ChargingSession.energy_wh == (PER_SESSION - 1) * STEP_WH
    )
    today = datetime.now(UTC).date()
    return {
        "lost": max(0, total - applied) + max(0, -values),
        "twice": max(0, values) + max(0, _count(store, select(WebhookEvent)) - total),
        "disordered": _disordered(store),
        "differing": rollups.differing(store, today - timedelta(days=1), today + timedelta(days=1))
        + abs(session_count - _count(store, whole)),
    }


def _disordered(store: Session) -> int:
    """Events of a station that were applied before one that came earlier.

    Meter values are numbered when they are stored, so their ids tell in which order events were applied.
    """
    stored = store.execute(
        select(ChargingSession.ocpp_station_id, SessionMeterValue.timestamp)
        .join(ChargingSession, SessionMeterValue.session_id == ChargingSession.id)
        .order_by(ChargingSession.ocpp_station_id, SessionMeterValue.id)
    ).all()
    return sum(
        later_station == station and later < earlier
        for (station, earlier), (later_station, later) in pairwise(stored)
    )


def _differing_there(host: Stack, cluster: Cluster) -> int:
    """Figures that the dashboard reads from the replica, after a moment, and that are not the store's."""
    replica = Replica(cluster.url, max_lag=60)
    deadline = time.monotonic() + 60
    while (differing := _differences(host, replica)) and time.monotonic() < deadline:
        time.sleep(0.1)
    replica.dispose()
    return differing


def _differences(host: Stack, replica: Replica) -> int:
    def figures(store: Session) -> list[Any]:
        everything = sessions.count_sessions(store, Scope.network(), sessions.SessionFilter())
        sums = rollups.stored(store, today - timedelta(days=1), today)
        return [store.scalar(select(func.pg_is_in_recovery())), everything, sums]

    today = datetime.now(UTC).date()
    with reading(host.engine) as store:
        here = figures(store)
    there = replica.read(host.engine, figures)
    return [there[0] is True, *(a == b for a, b in zip(here[1:], there[1:], strict=True))].count(False)


def _count(store: Session, rows: Any) -> int:
    return store.scalar(select(func.count()).select_from(rows.subquery())) or 0
