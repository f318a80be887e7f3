"""The line to the central system: connects, boots, reports, and connects again for ever."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from datetime import datetime

from ocpp.exceptions import OCPPError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from simulator.clock import Clock
from simulator.fleet import Station
from simulator.messages import StatusReport
from simulator.ocpp16 import SUBPROTOCOL, Commands, Ocpp16
from simulator.outbox import Outbox

log = logging.getLogger(__name__)

_BREAKS = (OSError, WebSocketException, OCPPError, TimeoutError)
_LONGEST_PAUSE = 10.0
_OPEN_TIMEOUT = 10.0


class NotSpoken(OSError):
    """The central system does not speak our version of OCPP."""


class Link:
    """`statuses` gives the current ones at each connection, `on_offline` hears of each window without one.

    Pauses, timeouts and heartbeats are in real seconds: the connection is real, whatever time is simulated.
    """

    def __init__(
        self,
        *,
        station: Station,
        url: str,
        outbox: Outbox,
        commands: Commands,
        statuses: Callable[[], Iterable[StatusReport]],
        on_offline: Callable[[datetime, datetime], None],
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self._station = station
        self._url = f"{url}{station.station_id}"
        self._outbox = outbox
        self._commands = commands
        self._statuses = statuses
        self._on_offline = on_offline
        self._clock = clock
        self._rng = rng
        self._uncut = asyncio.Event()
        self._uncut.set()
        self._socket: ClientConnection | None = None
        self._protocol: Ocpp16 | None = None
        self._heartbeat_interval: int | None = None
        self._is_closed = False
        self._failures = 0
        self._offline_since: datetime | None = None

    @property
    def is_online(self) -> bool:
        """Connected, and taken by the central system."""
        return self._protocol is not None

    async def run(self) -> None:
        while not self._is_closed:
            await self._uncut.wait()
            try:
                await self._connect_and_talk()
            except* _BREAKS as broken:
                self._note(broken.exceptions[0])
            await asyncio.sleep(_pause(self._failures, self._rng))

    async def authorise(self, id_tag: str) -> bool:
        """Whether the driver may charge; offline everyone may, as the energy is billed afterwards."""
        if self._protocol is None:
            return True
        try:
            return await self._protocol.authorise(id_tag)
        except _BREAKS as error:
            log.info("%s: no answer to Authorize: %s", self._station.station_id, error)
            return True

    async def cut(self, *, power_too: bool = False) -> None:
        """Nothing goes through any more; without power, the charge point boots anew afterwards."""
        self._uncut.clear()
        if power_too:
            self._heartbeat_interval = None
        if self._socket is not None:
            await self._socket.close()

    def restore(self) -> None:
        self._failures = 0
        self._uncut.set()

    async def close(self) -> None:
        """Ends `run`, also where a task cannot be cancelled.

        Up to Python 3.11 `asyncio.wait_for`, which `ocpp` waits with, loses a cancellation that comes
        together with the answer; a closed socket ends the task that would then go on.
        """
        self._is_closed = True
        self._uncut.set()
        if self._socket is not None:
            await self._socket.close()

    async def _connect_and_talk(self) -> None:
        async with connect(
            self._url,
            subprotocols=[SUBPROTOCOL],
            compression=None,
            proxy=None,
            open_timeout=_OPEN_TIMEOUT,
        ) as socket:
            if self._is_closed or not self._uncut.is_set():
                return
            if socket.subprotocol != SUBPROTOCOL:
                raise NotSpoken(f"{self._url} does not offer {SUBPROTOCOL}")
            self._socket = socket
            protocol = Ocpp16(self._station, socket, commands=self._commands)
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(protocol.start())
                    tasks.create_task(self._talk(protocol, socket))
            finally:
                self._went_offline()

    async def _talk(self, protocol: Ocpp16, socket: ClientConnection) -> None:
        while self._heartbeat_interval is None:
            accepted, seconds = await protocol.boot()
            if accepted:
                self._heartbeat_interval = max(1, seconds)
            else:
                await asyncio.sleep(max(1, seconds))
        self._went_online(protocol)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._outbox.drain(protocol.send))
            tasks.create_task(_beat(protocol, socket, self._heartbeat_interval))

    def _went_online(self, protocol: Ocpp16) -> None:
        self._protocol = protocol
        self._failures = 0
        if self._offline_since is not None:
            self._on_offline(self._offline_since, self._clock.now())
        self._offline_since = None
        self._outbox.renew_statuses(self._statuses())
        log.debug("%s: online", self._station.station_id)

    def _went_offline(self) -> None:
        self._socket = None
        if self._protocol is not None:
            self._protocol = None
            self._offline_since = self._clock.now()
            self._outbox.renew_statuses(())

    def _note(self, error: BaseException) -> None:
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        log.debug("%s: no connection, trying on: %s", self._station.station_id, error or type(error))
        self._failures += 1


async def _beat(protocol: Ocpp16, socket: ClientConnection, interval: int) -> None:
    while True:
        await asyncio.sleep(interval)
        try:
            await protocol.heartbeat()
        except TimeoutError:
            await socket.close()
            raise


def _pause(failures: int, rng: random.Random) -> float:
    return min(_LONGEST_PAUSE, 0.5 * 2.0 ** min(failures, 10)) * rng.uniform(0.5, 1.0)
