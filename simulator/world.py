"""The life around the charge points: cars that arrive, connectors that fail, grids that drop out."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from simulator.arrivals import arrivals, busyness
from simulator.charge_point import VirtualChargePoint
from simulator.clock import Clock
from simulator.connector import VirtualConnector
from simulator.diary import Diary
from simulator.fleet import Fleet, Outage, Station
from simulator.keys import Keys
from simulator.memory import Memory
from simulator.troubles import troubles
from simulator.visits import choose_connector, draw_vehicle, draw_visit, vehicle_for

log = logging.getLogger(__name__)

_GRACE_SECONDS = 5.0
_TELL_EVERY_SECONDS = 2.0


@dataclass(frozen=True)
class Play:
    """What is played and how. `idle` leaves out cars and troubles: only commands make things happen.

    `memory_folder` is where charge points keep what survives a loss of power; None for no memory. `keys` are
    their passwords.
    """

    fleet: Fleet
    url: str
    zone: ZoneInfo
    meter_interval: float = 5
    seed: int = 1
    idle: bool = False
    memory_folder: Path | None = None
    keys: Keys = field(default_factory=Keys)
    clock: Clock = field(default_factory=Clock)
    diary: Diary = field(default_factory=Diary)

    def charge_points(self) -> list[VirtualChargePoint]:
        return [self._charge_point(station) for station in self.fleet.stations]

    def _charge_point(self, station: Station) -> VirtualChargePoint:
        folder = self.memory_folder
        return VirtualChargePoint(
            station,
            fleet=self.fleet,
            url=self.url,
            keys=self.keys,
            meter_interval=self.meter_interval,
            clock=self.clock,
            rng=random.Random(f"{self.seed} {station.id}"),
            diary=self.diary,
            memory=Memory(folder / f"{station.station_id}.json" if folder else None),
        )


async def play(what: Play, stop: asyncio.Event) -> None:
    """Run the whole fleet until `stop` is set, then end all transactions and shut down."""
    charge_points = what.charge_points()
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(charge_point.run()) for charge_point in charge_points]
        running.append(tasks.create_task(_tell_how_many_are_online(charge_points)))
        lives = [] if what.idle else [tasks.create_task(_live(c, what)) for c in charge_points]
        await stop.wait()
        _cancel(lives)
        await asyncio.gather(*(c.shut_down(grace=_GRACE_SECONDS) for c in charge_points))
        _cancel(running)


async def _tell_how_many_are_online(charge_points: Sequence[VirtualChargePoint]) -> None:
    told = None
    while True:
        await asyncio.sleep(_TELL_EVERY_SECONDS)
        if (online := sum(charge_point.link.is_online for charge_point in charge_points)) != told:
            log.info("%d of %d charge points are online", online, len(charge_points))
            told = online


def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()


async def _live(charge_point: VirtualChargePoint, what: Play) -> None:
    rng = random.Random(f"{what.seed} {charge_point.station.id} life")
    async with asyncio.TaskGroup() as tasks:
        for outage in (o for o in what.fleet.outages if o.scope == "station"):
            tasks.create_task(_suffer(charge_point, [outage], None, what, rng))
        for connector in charge_point.connectors:
            kinds = [o for o in what.fleet.outages if o.scope == "connector"]
            tasks.create_task(_suffer(charge_point, kinds, connector, what, rng))
        tasks.create_task(_receive_cars(charge_point, what, rng))


async def _receive_cars(charge_point: VirtualChargePoint, what: Play, rng: random.Random) -> None:
    _find_cars_plugged_in(charge_point, what, rng)
    station, start = charge_point.station, what.clock.now()
    curve = what.fleet.curve_of(station)
    for moment in arrivals(station, curve, start=start, zone=what.zone, rng=rng):
        await what.clock.sleep_until(moment)
        _receive_car(charge_point, what, rng)


def _find_cars_plugged_in(charge_point: VirtualChargePoint, what: Play, rng: random.Random) -> None:
    """The world did not begin when we did: some connectors have a car in the middle of its charge."""
    local = what.clock.now().astimezone(what.zone)
    share = 0.25 + 0.35 * busyness(what.fleet.curve_of(charge_point.station), local)
    for connector in charge_point.free_connectors:
        if rng.random() < share:
            vehicle = vehicle_for(connector.spec, what.fleet, rng)
            visit = draw_visit(what.fleet, charge_point.station, connector.spec, vehicle, rng)
            charged = min(visit.curve.seconds, visit.stay_seconds) * rng.uniform(0.05, 0.6)
            charge_point.plug_in(connector, visit.after(charged))


def _receive_car(charge_point: VirtualChargePoint, what: Play, rng: random.Random) -> None:
    """A car that finds nothing free that fits drives on."""
    vehicle = draw_vehicle(what.fleet, rng)
    free = {connector.number: connector for connector in charge_point.free_connectors}
    chosen = choose_connector(vehicle, [(number, c.spec) for number, c in free.items()], rng)
    if chosen is not None:
        number, spec = chosen
        visit = draw_visit(what.fleet, charge_point.station, spec, vehicle, rng)
        charge_point.plug_in(free[number], visit)


async def _suffer(
    charge_point: VirtualChargePoint,
    kinds: Sequence[Outage],
    connector: VirtualConnector | None,
    what: Play,
    rng: random.Random,
) -> None:
    factor = charge_point.station.trouble
    for trouble in troubles(kinds, factor=factor, start=what.clock.now(), rng=rng):
        await what.clock.sleep_until(trouble.start)
        seconds = (trouble.end - trouble.start).total_seconds()
        await charge_point.suffer(trouble.outage, seconds, connector)
