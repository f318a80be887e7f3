"""A virtual charge point: connectors, a queue, a memory, and a line to the central system."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Coroutine
from datetime import datetime
from typing import Any

from simulator.clock import Clock
from simulator.connector import VirtualConnector
from simulator.diary import Diary
from simulator.fleet import Fleet, Outage, Station
from simulator.link import Link
from simulator.memory import Memory, Snapshot, as_stopped_by_power_loss
from simulator.messages import Message, Metered, Started, StatusReport, Stopped
from simulator.outbox import Outbox
from simulator.visits import Visit, patient_visit, vehicle_for

log = logging.getLogger(__name__)

_SAVE_SECONDS = 60.0


class VirtualChargePoint:
    """Runs until its `run` is cancelled. Everything is decided by `rng`, but for the commands it gets."""

    def __init__(
        self,
        station: Station,
        *,
        fleet: Fleet,
        url: str,
        meter_interval: float,
        clock: Clock,
        rng: random.Random,
        diary: Diary,
        memory: Memory,
    ) -> None:
        self.station = station
        self._fleet = fleet
        self._clock = clock
        self._rng = rng
        self._diary = diary
        self._memory = memory
        self._changed = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        self._remote_starts: dict[str, VirtualConnector] = {}
        self._since = clock.now()
        remembered = memory.load()
        self.outbox = Outbox(waiting=as_stopped_by_power_loss(remembered), on_delivered=self._delivered)
        self.link = Link(
            station=station,
            url=url,
            outbox=self.outbox,
            commands=self,
            statuses=self._statuses,
            on_offline=self._was_offline,
            clock=clock,
            rng=random.Random(rng.random()),
        )
        self.connectors = tuple(
            VirtualConnector(
                number,
                spec,
                register_wh=remembered.registers.get(number, rng.randrange(10_000, 4_000_000)),
                meter_interval=meter_interval,
                report=self._report,
                authorise=self.link.authorise,
                clock=clock,
                rng=rng,
            )
            for number, spec in station.numbered_connectors
        )

    @property
    def free_connectors(self) -> list[VirtualConnector]:
        return [connector for connector in self.connectors if connector.is_free]

    async def run(self) -> None:
        async with asyncio.TaskGroup() as self._tasks:
            self._tasks.create_task(self.link.run())
            self._tasks.create_task(self._keep_memory())

    def plug_in(self, connector: VirtualConnector, visit: Visit) -> None:
        """A car comes to a free connector."""
        connector.claim()
        self._spawn(connector.serve(visit))

    async def suffer(self, outage: Outage, seconds: float, connector: VirtualConnector | None = None) -> None:
        """An outage of one connector, or of the whole station, for simulated `seconds`."""
        if connector is not None:
            await self._break_down(connector, outage, seconds)
        elif outage.error_code == "NoError":
            await self._without_network(seconds)
        else:
            await self._without_power(outage, seconds)

    async def shut_down(self, *, grace: float) -> None:
        """End what is running, give the messages `grace` real seconds to get through, remember the rest."""
        for connector in self.connectors:
            connector.close()
        try:
            async with asyncio.timeout(grace):
                while any(connector.running for connector in self.connectors):
                    await asyncio.sleep(0.01)
                await self.outbox.wait_until_empty()
        except TimeoutError:
            log.debug(
                "%s: %d messages wait until next time", self.station.station_id, len(self.outbox.waiting)
            )
        for message in self.outbox.waiting:
            if isinstance(message, Stopped):
                self._diary.transaction(self.station.station_id, message, delivered=False)
        self._save()
        await self.link.close()

    def may_start(self, id_tag: str, connector_id: int | None) -> bool:
        wanted = [c for c in self.free_connectors if connector_id in (None, c.number)]
        if not wanted or id_tag in self._remote_starts:
            return False
        wanted[0].claim()
        self._remote_starts[id_tag] = wanted[0]
        return True

    def start(self, id_tag: str) -> None:
        connector = self._remote_starts.pop(id_tag, None)
        if connector is not None:
            vehicle = vehicle_for(connector.spec, self._fleet, self._rng)
            self._spawn(connector.serve(patient_visit(id_tag, connector.spec, vehicle), asks=False))

    def may_stop(self, transaction_id: int) -> bool:
        return self._running(transaction_id) is not None

    def stop(self, transaction_id: int) -> None:
        connector = self._running(transaction_id)
        if connector is not None:
            connector.request_stop("Remote")

    def _running(self, transaction_id: int) -> VirtualConnector | None:
        for connector in self.connectors:
            if connector.running and connector.running.transaction.transaction_id == transaction_id:
                return connector
        return None

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        if self._tasks is None:
            raise RuntimeError("the charge point is not running")
        self._tasks.create_task(work)

    async def _break_down(self, connector: VirtualConnector, outage: Outage, seconds: float) -> None:
        start = self._clock.now()
        await connector.break_down(outage, seconds)
        now = self._clock.now()
        self._diary.out_of_order(outage, self.station.station_id, connector.number, start, now)

    async def _without_network(self, seconds: float) -> None:
        await self.link.cut()
        await self._clock.sleep(seconds)
        self.link.restore()

    async def _without_power(self, outage: Outage, seconds: float) -> None:
        await self.link.cut(power_too=True)
        async with asyncio.TaskGroup() as tasks:
            for connector in self.connectors:
                tasks.create_task(connector.break_down(outage, seconds))
        self.link.restore()

    def _report(self, message: Message) -> None:
        # A status that cannot be sent now is stale later; at the next connection the current one is sent.
        if not isinstance(message, StatusReport) or self.link.is_online:
            self.outbox.put(message)
        if isinstance(message, Started | Stopped):
            self._changed.set()

    def _delivered(self, message: Message) -> None:
        if isinstance(message, Started) and message.transaction.refused:
            self._stop_refused(message)
        elif isinstance(message, Stopped):
            self._diary.transaction(self.station.station_id, message, delivered=True)
        if not isinstance(message, Metered | StatusReport):
            self._changed.set()

    def _stop_refused(self, message: Started) -> None:
        for connector in self.connectors:
            if connector.running and connector.running.transaction is message.transaction:
                connector.request_stop("DeAuthorized")

    def _statuses(self) -> list[StatusReport]:
        return [StatusReport(0, "Available", self._since), *(c.status for c in self.connectors)]

    def _was_offline(self, start: datetime, end: datetime) -> None:
        self._diary.offline(self.station.station_id, start, end)
        # The answers to these never left: nobody waits for the cars.
        for connector in self._remote_starts.values():
            connector.release()
        self._remote_starts.clear()

    async def _keep_memory(self) -> None:
        while True:
            self._changed.clear()
            self._save()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SAVE_SECONDS):
                    await self._changed.wait()

    def _save(self) -> None:
        running = [(c.running.transaction, c.running.reading) for c in self.connectors if c.running]
        registers = {connector.number: connector.register_wh for connector in self.connectors}
        self._memory.save(Snapshot(registers, running, self.outbox.waiting))
