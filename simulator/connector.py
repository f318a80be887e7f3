"""One connector: a car plugs in, charges, and leaves, unless a fault or a command comes between."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from simulator.clock import Clock
from simulator.configuration import ASKS_REMOTE, Configuration
from simulator.fleet import Connector, ErrorCode, Failure, Outage, StopReason
from simulator.messages import (
    ConnectorStatus,
    Message,
    Metered,
    MeterShown,
    Reading,
    Started,
    StatusReport,
    Stopped,
    Transaction,
)
from simulator.meter import Meter
from simulator.troubles import stop_reason_for
from simulator.visits import Visit


@dataclass
class Running:
    """A transaction under way, with the last reading of its meter, and the meter where energy flows."""

    transaction: Transaction
    reading: Reading
    meter: Meter | None = None


@dataclass(frozen=True)
class RemoteStart:
    """The central system asked for the charge; `number` is by what OCPP 2.0.1 knows its request again."""

    number: int | None = None


class VirtualConnector:
    """`report` takes what the central system should know; `authorise` asks it about a driver.

    With `assigns_ids` the transactions have an id of their own from the start, as in OCPP 2.0.1.

    The register is in Wh, never falls, and is the integral of the power that was reported.
    """

    def __init__(
        self,
        number: int,
        spec: Connector,
        *,
        register_wh: int,
        is_operative: bool,
        assigns_ids: bool,
        configuration: Configuration,
        report: Callable[[Message], None],
        authorise: Callable[[str], Awaitable[bool]],
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self.number = number
        self.spec = spec
        self.running: Running | None = None
        self._register_wh = register_wh
        self._is_operative = is_operative
        self._assigns_ids = assigns_ids
        self._configuration = configuration
        self._report = report
        self._authorise = authorise
        self._clock = clock
        self._rng = rng
        self._status = StatusReport(number, "Available" if is_operative else "Unavailable", clock.now())
        self._claimed = False
        self._is_closed = False
        self._outages: list[Outage] = []
        self._stop = asyncio.Event()
        self._stop_reason: StopReason = "Local"
        self._left = asyncio.Event()
        self._left.set()

    @property
    def register_wh(self) -> int:
        return self._register_wh

    @property
    def status(self) -> StatusReport:
        return self._status

    @property
    def is_operative(self) -> bool:
        """False once the central system took the connector out of service."""
        return self._is_operative

    @property
    def is_free(self) -> bool:
        return self._status.status == "Available" and not (self._claimed or self._is_closed or self._outages)

    def claim(self) -> None:
        """Keep the connector for a car that is on its way; `serve` or `release` must follow."""
        self._claimed = True
        self._left.clear()

    def release(self) -> None:
        self._claimed = False
        self._left.set()

    def request_stop(self, reason: StopReason) -> None:
        """End the running transaction now; without one nothing happens."""
        if self.running is not None and not self._stop.is_set():
            self._stop_reason = reason
            self._stop.set()

    def set_operative(self, is_operative: bool) -> None:
        """In or out of service, at once where nobody charges, else once the car has left."""
        self._is_operative = is_operative
        if not self._claimed:
            self._say_rest()

    async def until_left(self) -> None:
        """Wait until no car is there or on its way."""
        await self._left.wait()

    def show_meter(self) -> None:
        """Tell what the meter shows, of a transaction under way or of none."""
        running = self.running
        transaction = running.transaction if running else None
        self._report(MeterShown(self.number, self._reading_now(), transaction))

    def sample_now(self) -> None:
        """Report a sample of the transaction under way that is not due yet."""
        if self.running is not None and not self._stop.is_set():
            self._sample(self.running, self._reading_now(), asked_for=True)

    def close(self) -> None:
        """The charge point goes down: the running transaction ends, and none begins any more."""
        self._is_closed = True
        self.request_stop("Reboot")

    async def serve(self, visit: Visit, remote: RemoteStart | None = None) -> None:
        """The whole visit of a car to the claimed connector, from its plug going in to its leaving.

        The driver's id tag is put to the central system first, unless that asked for the charge itself.
        """
        self._stop.clear()
        try:
            await self._pause(2, 5)
            self._show("Preparing")
            asks = remote is None or self._configuration.is_on(ASKS_REMOTE)
            if not asks or await self._identify(visit):
                await self._transact(visit, remote)
            self._show("Finishing")
            await self._pause(3, 20)
            self._show(self._rest)
        finally:
            self.release()

    async def break_down(self, outage: Outage, seconds: float) -> None:
        """Out of order for `seconds` of simulated time. A fault ends the visit, the rest waits for it."""
        if outage.status == "unavailable":
            await self._left.wait()
        self._outages.append(outage)
        self._say_rest()
        self.request_stop(stop_reason_for(outage))
        await self._clock.sleep(seconds)
        await self._left.wait()
        self._outages.remove(outage)
        self._say_rest()

    async def _identify(self, visit: Visit) -> bool:
        await self._pause(4, 25)
        return await self._authorise(visit.driver)

    async def _transact(self, visit: Visit, remote: RemoteStart | None) -> None:
        if self._outages or self._is_closed:
            return
        running = self.running = self._begin(visit.driver, remote)
        await (self._fail(running, visit.failure) if visit.failure else self._charge(running, visit))
        self.running = None
        stop = running.reading
        self._report(Stopped(running.transaction, stop.time, stop.register_wh, self._stop_reason))

    def _begin(self, id_tag: str, remote: RemoteStart | None) -> Running:
        now, key = self._clock.now(), str(uuid.uuid4())
        transaction = Transaction(
            key,
            self.number,
            id_tag,
            self._register_wh,
            now,
            transaction_id=key if self._assigns_ids else None,
            is_remote=remote is not None,
            remote_start_id=remote.number if remote else None,
        )
        self._report(Started(transaction))
        return Running(transaction, Reading(now, self._register_wh, 0, 0))

    async def _fail(self, running: Running, failure: Failure) -> None:
        """No energy flows: the connector shows why, and the driver gives up."""
        self._stop_reason = failure.stop_reason
        self._show("Preparing", failure.error_code, failure.vendor_error_code)
        gives_up = self._clock.now() + timedelta(seconds=self._rng.uniform(10, 90))
        await self._clock.wait(self._stop, gives_up)
        running.reading = Reading(self._clock.now(), self._register_wh, 0, 0)

    async def _charge(self, running: Running, visit: Visit) -> None:
        meter = Meter(visit, begun=self._clock.now(), register_wh=self._register_wh, is_dc=self.spec.is_dc)
        running.meter = meter
        self._stop_reason = visit.stop_reason
        self._show("Charging")
        self._sample(running, meter.at(meter.begun))
        stopped = await self._meter_until(min(meter.full, meter.unplugged), running, meter)
        if not stopped and meter.full < meter.unplugged:
            self._show("SuspendedEV")
            await self._meter_until(meter.unplugged, running, meter)

    async def _meter_until(self, end: datetime, running: Running, meter: Meter) -> bool:
        """Report samples up to `end`, that of the end included. True if a stop was requested before."""
        while (moment := running.reading.time) < end:
            # Where sending cannot keep up with a fast clock, samples are skipped.
            due = max(moment + timedelta(seconds=self._configuration.meter_interval), self._clock.now())
            if await self._clock.wait(self._stop, min(due, end)):
                self._read(running, meter.at(self._clock.now()))
                return True
            self._sample(running, meter.at(min(due, end)))
        return False

    def _sample(self, running: Running, reading: Reading, *, asked_for: bool = False) -> None:
        self._read(running, reading)
        self._report(Metered(running.transaction, reading, asked_for=asked_for))

    def _reading_now(self) -> Reading:
        now, meter = self._clock.now(), self.running.meter if self.running else None
        return meter.at(min(now, meter.unplugged)) if meter else Reading(now, self._register_wh, 0, 0)

    def _read(self, running: Running, reading: Reading) -> None:
        running.reading = reading
        self._register_wh = reading.register_wh

    def _show(
        self,
        status: ConnectorStatus,
        error_code: ErrorCode = "NoError",
        vendor_error_code: str | None = None,
    ) -> None:
        """What the visit shows, which an outage hides."""
        if not self._outages:
            self._say(status, error_code, vendor_error_code)

    @property
    def _rest(self) -> ConnectorStatus:
        return "Available" if self._is_operative else "Unavailable"

    def _say_rest(self) -> None:
        """What shows while no visit does, or what hides the visit."""
        if not self._outages:
            return self._say(self._rest)
        outage = self._outages[-1]
        status: ConnectorStatus = "Faulted" if outage.status == "faulted" else "Unavailable"
        return self._say(status, outage.error_code, outage.vendor_error_code)

    def _say(
        self, status: ConnectorStatus, error_code: ErrorCode = "NoError", vendor_error_code: str | None = None
    ) -> None:
        self._status = StatusReport(self.number, status, self._clock.now(), error_code, vendor_error_code)
        self._report(self._status)

    async def _pause(self, least: float, most: float) -> None:
        await self._clock.sleep(self._rng.uniform(least, most))
