"""From a charge point's frame to the row that a live panel reads.

Charge points (100 by default) each send a meter value every 5 s over their WebSocket to the real backend,
receiver and jobs; a reader asks the store ten times a second, as a live panel would, when each value shows.
`lost` counts values that never showed, or showed otherwise than once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import requests
from sqlalchemy import func, select
from tqdm import tqdm
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.stack import Stack
from benchmarks.targets import Target
from db.analytics.live import connectors
from db.analytics.scope import Scope
from db.engine import reading, writing
from db.models import ChargingConnector, ChargingSession, ChargingStation, SessionMeterValue, StationOwner

READ_EVERY = 0.1
# The charge points here are known by their ids alone.
OPEN_DOOR = {"OCPP_REQUIRE_STATION_KEYS": "false"}
SETTLE_WITHIN = 60.0
STEP_WH = 40


@dataclass
class Progress:
    """What was sent and when it showed: by station, register reading to instants on the monotonic clock."""

    sent: dict[str, dict[int, float]] = field(default_factory=dict)
    seen: dict[str, dict[int, float]] = field(default_factory=dict)

    @property
    def delays(self) -> list[float]:
        return [
            at - self.sent[station][value]
            for station, values in self.seen.items()
            for value, at in values.items()
        ]

    @property
    def count(self) -> int:
        return sum(len(values) for values in self.sent.values())


TARGETS = (
    Target("seconds until a value shows, 95th percentile", "p95_s", at_most=2),
    Target("values lost or shown twice", "lost", at_most=0),
)
QUICK = ("--stations", "50", "--seconds", "20")


def main(arguments: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="benchmarks chain", description=__doc__)
    parser.add_argument("--stations", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--every", type=float, default=5, help="seconds between a station's meter values")
    parser.add_argument(
        "--outage", type=float, default=0, help="stop the receiver for so many seconds in the middle"
    )
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder), OPEN_DOOR) as stack:
        names = add_stations(stack, options.stations)
        stack.start("backend", "receiver", "jobs")
        wait_until_synced(stack, names[-1])
        progress = asyncio.run(_run(stack, names, options))
        return _result(stack, progress)


def add_stations(stack: Stack, count: int) -> list[str]:
    """Stations of one connector each in the store; returns their OCPP ids."""
    with writing(stack.engine) as store:
        owner = StationOwner(name="Benchmark")
        for number in range(1, count + 1):
            store.add(
                ChargingStation(
                    id=UUID(int=number),
                    owner=owner,
                    name=f"Station {number}",
                    timezone="Africa/Addis_Ababa",
                    currency="ETB",
                    connectors=[ChargingConnector(number=1, connector_type="ccs2", power_w=60_000)],
                )
            )
    return [f"STATION_{UUID(int=number)}" for number in range(1, count + 1)]


def wait_until_synced(stack: Stack, name: str) -> None:
    """Until the backend knows the station that is synced last."""
    base, key = stack.settings.ocpp_settings["BASE_URL"], stack.settings.ocpp_settings["API_KEY"]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        answer = requests.get(
            f"{base}/api/locator/stations/", headers={"Authorization": f"Bearer {key}"}, timeout=5
        )
        if any(station["station_id"] == name for station in answer.json()):
            return
        time.sleep(0.2)
    raise RuntimeError(f"the backend does not know {name}:\n{stack.log('jobs')[-2000:]}")


def charge_once(stack: Stack, name: str, values: int) -> None:
    """Have one charge point begin a session and send so many meter values at once."""
    asyncio.run(_charge_point(stack, name, 0, float("inf"), 0, Progress(), values))


def wait_for_energy(stack: Stack, name: str) -> int:
    """The energy in Wh that the live panel shows for a station once it shows any."""
    deadline = time.monotonic() + SETTLE_WITHIN
    while time.monotonic() < deadline:
        if energy_wh := dict(_live_energy(stack)).get(name):
            return energy_wh
        time.sleep(READ_EVERY)
    raise RuntimeError(f"no energy of {name} showed within {SETTLE_WITHIN:.0f} s")


async def _run(stack: Stack, names: list[str], options: argparse.Namespace) -> Progress:
    progress = Progress()
    done = asyncio.Event()
    reader = asyncio.create_task(_watch(stack, progress, done))
    begun = time.monotonic()
    senders = [
        _charge_point(
            stack, name, index / len(names) * options.every, begun + options.seconds, options.every, progress
        )
        for index, name in enumerate(names)
    ]
    if options.outage:
        senders.append(_outage(stack, options.seconds / 4, options.outage))
    await asyncio.gather(*senders)
    try:
        await asyncio.wait_for(_all_seen(progress), SETTLE_WITHIN + options.outage)
    except TimeoutError:
        print("not everything showed in time")
    done.set()
    await reader
    return progress


async def _charge_point(
    stack: Stack,
    name: str,
    delay: float,
    until: float,
    every: float,
    progress: Progress,
    values: int | None = None,
) -> None:
    sent = progress.sent.setdefault(name, {})
    await asyncio.sleep(delay)
    url = f"{stack.settings.ocpp_websocket_url}{name}"
    async with connect(url, subprotocols=["ocpp1.6"], compression=None) as socket:  # type: ignore[list-item]
        await _call(socket, "BootNotification", chargePointVendor="Bench", chargePointModel="1")
        await _call(socket, "StatusNotification", connectorId=1, errorCode="NoError", status="Charging")
        answer = await _call(
            socket, "StartTransaction", connectorId=1, idTag="BENCH", meterStart=0, timestamp=_now()
        )
        register = 0
        while time.monotonic() < until and (values is None or len(sent) < values):
            register += STEP_WH
            sampled = [
                {"value": str(register), "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
                {"value": "50000", "measurand": "Power.Active.Import", "unit": "W"},
            ]
            sent[register] = time.monotonic()
            await _call(
                socket,
                "MeterValues",
                connectorId=1,
                transactionId=answer["transactionId"],
                meterValue=[{"timestamp": _now(), "sampledValue": sampled}],
            )
            await asyncio.sleep(max(0, sent[register] + every - time.monotonic()))


async def _call(socket: ClientConnection, action: str, **payload: Any) -> dict[str, Any]:
    await socket.send(json.dumps([2, f"{time.monotonic_ns()}", action, payload]))
    while True:
        kind, _, *rest = json.loads(await socket.recv())
        if kind == 3:
            return dict(rest[0])
        if kind == 4:
            raise RuntimeError(f"{action} was refused: {rest}")


async def _watch(stack: Stack, progress: Progress, done: asyncio.Event) -> None:
    while not done.is_set():
        for station, energy_wh in await asyncio.to_thread(_live_energy, stack):
            now = time.monotonic()
            seen = progress.seen.setdefault(station, {})
            for value in progress.sent.get(station, {}):
                if value <= energy_wh and value not in seen:
                    seen[value] = now
        await asyncio.sleep(READ_EVERY)


def _live_energy(stack: Stack) -> list[tuple[str, int]]:
    with reading(stack.engine) as store:
        return [(found.station_id, found.energy_wh or 0) for found in connectors(store, Scope.network())]


async def _outage(stack: Stack, after: float, seconds: float) -> None:
    await asyncio.sleep(after)
    await asyncio.to_thread(stack.kill, "receiver")
    await asyncio.sleep(seconds)
    await asyncio.to_thread(stack.start, "receiver")


async def _all_seen(progress: Progress) -> None:
    with tqdm(total=progress.count, unit="value", disable=None) as bar:
        while len(delays := progress.delays) < progress.count:
            bar.update(len(delays) - bar.n)
            await asyncio.sleep(READ_EVERY)


def _result(stack: Stack, progress: Progress) -> dict[str, Any]:
    delays = progress.delays
    cuts = statistics.quantiles(delays, n=100) if len(delays) > 1 else [0.0] * 99
    return {
        "p50_s": round(cuts[49], 3),
        "p95_s": round(cuts[94], 3),
        "lost": _miscounted(stack, progress),
        "values": progress.count,
    }


def _miscounted(stack: Stack, progress: Progress) -> int:
    """Values that the store does not hold exactly once, and sessions whose energy is not the last reading."""
    register = SessionMeterValue.measurand == "energy_active_import_register"
    with reading(stack.engine) as store:
        rows = store.execute(
            select(ChargingSession, SessionMeterValue.value, func.count())
            .join(SessionMeterValue, SessionMeterValue.session_id == ChargingSession.id)
            .where(register)
            .group_by(ChargingSession.id, SessionMeterValue.value)
        ).all()
        held = {(row[0].station.station_id, int(Decimal(row[1]))): row[2] for row in rows}
        energies = {row[0].station.station_id: row[0].energy_wh for row in rows}
    wanted = {(station, reading) for station, readings in progress.sent.items() for reading in readings}
    return (
        sum(held.get(key) != 1 for key in wanted)
        + len(held.keys() - wanted)
        + sum(
            energies.get(station) != max(readings, default=0) for station, readings in progress.sent.items()
        )
    )


def _now() -> str:
    return datetime.now(UTC).isoformat()
