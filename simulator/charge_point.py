"""A virtual charge point: connectors, a queue, a memory, and a line to the central system."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Coroutine
from dataclasses import replace
from datetime import datetime
from typing import Any

from simulator.clock import Clock
from simulator.configuration import STOPS_INVALID, Configuration
from simulator.connector import VirtualConnector
from simulator.diary import Diary
from simulator.fleet import Fleet, Outage, Station, StopReason
from simulator.keys import Keys
from simulator.link import Link
from simulator.memory import Memory, Snapshot, as_stopped_by_power_loss
from simulator.messages import Message, Metered, PassingMessage, Started, StatusReport, Stopped
from simulator.outbox import Outbox
from simulator.quirks import as_sent
from simulator.remote import RemoteControl
from simulator.versions import protocol_of
from simulator.visits import Visit, patient_visit, vehicle_for

log = logging.getLogger(__name__)

_SAVE_SECONDS = 60.0
_REBOOT_SECONDS = 20.0
_LAST_WORDS_SECONDS = 5.0


class VirtualChargePoint:
    """Runs until its `run` is cancelled. Everything is decided by `rng`, but for the commands it gets."""

    def __init__(
        self,
        station: Station,
        *,
        fleet: Fleet,
        url: str,
        keys: Keys,
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
        self._keys = keys
        self._changed = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        self._since = clock.now()
        remembered = memory.load()
        self.configuration = Configuration(
            station,
            meter_interval=meter_interval,
            changed=remembered.configuration,
            take_key=self._take_key,
        )
        self.outbox = Outbox(
            waiting=as_stopped_by_power_loss(remembered),
            on_delivered=self._delivered,
            on_given_up=self._given_up,
        )
        self.remote = RemoteControl(
            configuration=self.configuration,
            visit_for=self._visit_for,
            reboot=self._reboot,
            tell_status=self._tell_status,
            clear_cache=lambda: self.link.clear_cache(),
            use_new_key=lambda: self.link.use_new_key(),
            spawn=self._spawn,
        )
        protocol = protocol_of(station)
        self.link = Link(
            station=station,
            url=url,
            key=keys.get(station.station_id),
            protocol=protocol,
            outbox=self.outbox,
            commands=self.remote,
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
                is_operative=number not in remembered.out_of_service,
                assigns_ids=protocol.assigns_ids,
                configuration=self.configuration,
                report=self._report,
                authorise=self.link.authorise,
                clock=clock,
                rng=rng,
            )
            for number, spec in station.numbered_connectors
        )
        self.remote.connectors = self.connectors

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
        """End what is running, give the messages `grace` real seconds to get through, remember the rest.

        Where the central system is away, nothing will get through and nothing is waited for.
        """
        for connector in self.connectors:
            connector.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                while any(connector.running for connector in self.connectors):
                    await asyncio.sleep(0.01)
                while self.link.is_online and not self.outbox.is_empty:
                    await asyncio.sleep(0.01)
        if self.outbox.waiting:
            log.debug(
                "%s: %d messages wait until next time", self.station.station_id, len(self.outbox.waiting)
            )
        for message in self.outbox.waiting:
            self._note_end(message, delivered=False)
        self._save()
        await self.link.close()

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
        await self.link.cut(boots="PowerUp")
        async with asyncio.TaskGroup() as tasks:
            for connector in self.connectors:
                tasks.create_task(connector.break_down(outage, seconds))
        self.link.restore()

    async def _reboot(self, reason: StopReason) -> None:
        """Soft, what the transactions' ends have to tell gets through first where it can."""
        for connector in self.connectors:
            connector.request_stop(reason)
        while any(connector.running for connector in self.connectors):
            await asyncio.sleep(0.01)
        if reason != "HardReset":
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS_SECONDS):
                    await self.outbox.wait_until_empty()
        await self.link.cut(boots="RemoteReset")
        await self._clock.sleep(_REBOOT_SECONDS)
        self.link.restore()

    def _report(self, message: Message) -> None:
        if isinstance(message, Started | Metered | Stopped):
            # Before it is sent: a meter that loses its power never shows less than it has told.
            self._changed.set()
        # A status that cannot be sent now is stale later; at the next connection the current one is sent.
        online = self.link.is_online
        for sent in as_sent(message, self.station.quirks, self._rng):
            if isinstance(sent, PassingMessage):
                if online:
                    self.outbox.put(sent)
            else:
                self.outbox.put(sent if online else replace(sent, offline=True))

    def _delivered(self, message: Message) -> None:
        if isinstance(message, Started) and message.transaction.refused:
            self._stop_refused(message)
        self._note_end(message, delivered=True)
        if isinstance(message, Started | Stopped):
            self._changed.set()

    def _given_up(self, message: Message) -> None:
        self._note_end(message, delivered=False)

    def _note_end(self, message: Message, *, delivered: bool) -> None:
        if isinstance(message, Stopped) and not message.again:
            self._diary.transaction(self.station.station_id, message, delivered=delivered)

    def _stop_refused(self, message: Started) -> None:
        if not self.configuration.is_on(STOPS_INVALID):
            return
        for connector in self.connectors:
            if connector.running and connector.running.transaction is message.transaction:
                connector.request_stop("DeAuthorized")

    def _take_key(self, key: str) -> None:
        self._keys.replace(self.station.station_id, key)
        self.link.key = key

    def _visit_for(self, id_tag: str, connector: VirtualConnector) -> Visit:
        vehicle = vehicle_for(connector.spec, self._fleet, self._rng)
        return patient_visit(id_tag, connector.spec, vehicle)

    def _statuses(self) -> list[StatusReport]:
        return [StatusReport(0, "Available", self._since), *(c.status for c in self.connectors)]

    def _tell_status(self, connector_id: int | None) -> None:
        for report in self._statuses():
            if connector_id in (None, report.connector_id):
                self._report(report)

    def _was_offline(self, start: datetime, end: datetime) -> None:
        self._diary.offline(self.station.station_id, start, end)
        self.remote.forget_starts()

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
        out_of_service = [c.number for c in self.connectors if not c.is_operative]
        changed = self.configuration.changed
        self._memory.save(Snapshot(registers, running, self.outbox.waiting, out_of_service, changed))
