"""A stage for one virtual charge point, of which nothing comes by itself, and its central system."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from simulator_central import Central, central_system, small_fleet

from simulator.charge_point import VirtualChargePoint
from simulator.clock import Clock
from simulator.diary import Diary
from simulator.fleet import Outage
from simulator.keys import Keys
from simulator.visits import Visit, patient_visit
from simulator.world import Play

Scene = Callable[[Central, VirtualChargePoint], Awaitable[None]]
FAULT = Outage(
    scope="connector",
    status="faulted",
    error_code="GroundFailure",
    vendor_error_code="CX002",
    per_day=1,
    minutes=10,
    spread=0.5,
)
POWER_CUT = FAULT.model_copy(
    update={
        "scope": "station",
        "status": "offline",
        "error_code": "OtherError",
        "vendor_error_code": "CX015",
    }
)


class Stage:
    """One charge point of which nothing comes by itself, an hour of its time in seconds at most.

    What `station` says of it is as in the fleet file.
    """

    def __init__(
        self, *, speed: float = 600, memory: Path | None = None, key: str | None = None, **station: Any
    ) -> None:
        self.lines = io.StringIO()
        self.clock = Clock(speed=speed, hours=24)
        self._fleet = small_fleet(**station)
        self._memory = memory
        self.keys = Keys({self._fleet.stations[0].station_id: key} if key else {})

    def run(self, scene: Scene) -> None:
        asyncio.run(self._run(scene))

    @property
    def diary(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines.getvalue().splitlines()]

    async def _run(self, scene: Scene) -> None:
        async with central_system() as central:
            [charge_point] = Play(
                fleet=self._fleet,
                url=central.url,
                zone=ZoneInfo("UTC"),
                meter_interval=30,
                clock=self.clock,
                diary=Diary(self.lines),
                memory_folder=self._memory,
                keys=self.keys,
            ).charge_points()
            running = asyncio.create_task(charge_point.run())
            try:
                await central.until(lambda: "Available" in central.statuses(2))
                await scene(central, charge_point)
            finally:
                await charge_point.link.close()
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)


def a_visit(charge_point: VirtualChargePoint, connector_id: int = 1) -> Visit:
    connector = charge_point.connectors[connector_id - 1]
    fleet = small_fleet()
    vehicle = next(v for v in fleet.vehicles if v.name == "Volkswagen ID.4")
    return patient_visit("DRIVER-00007", connector.spec, vehicle)


def plug_in(charge_point: VirtualChargePoint, connector_id: int = 1) -> None:
    charge_point.plug_in(charge_point.connectors[connector_id - 1], a_visit(charge_point, connector_id))


async def a_charge_under_way(central: Central, charge_point: VirtualChargePoint, samples: int = 5) -> None:
    plug_in(charge_point)
    await central.until(lambda: len(central.samples) >= samples)
