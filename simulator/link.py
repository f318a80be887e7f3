"""The line to the central system: connects, boots, reports, and connects again for ever."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from base64 import b64encode
from collections.abc import Callable, Iterable
from datetime import datetime

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from simulator.clock import Clock
from simulator.configuration import TRUSTS_OFFLINE, Configuration
from simulator.fleet import Station
from simulator.messages import StatusReport
from simulator.outbox import Outbox
from simulator.peer import BREAKS, BootReason, Commands, Line
from simulator.versions import OcppProtocol

log = logging.getLogger(__name__)

_LONGEST_PAUSE = 10.0
_OPEN_TIMEOUT = 10.0


class NotSpoken(OSError):
    """The central system does not speak our version of OCPP."""


class Link:
    """`key` is the password at the central system, None where it needs none.

    `statuses` gives the current ones at each connection, `on_offline` hears of each window without one.

    Pauses, timeouts and heartbeats are in real seconds: the connection is real, whatever time is simulated.
    """

    def __init__(
        self,
        *,
        station: Station,
        url: str,
        key: str | None,
        protocol: OcppProtocol,
        outbox: Outbox,
        commands: Commands,
        statuses: Callable[[], Iterable[StatusReport]],
        on_offline: Callable[[datetime, datetime], None],
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self._station = station
        self._url = f"{url}{station.station_id}"
        self.key = key
        self._key_in_use = key
        self._protocol = protocol
        self._outbox = outbox
        self._commands = commands
        self._statuses = statuses
        self._on_offline = on_offline
        self._clock = clock
        self._rng = rng
        self._uncut = asyncio.Event()
        self._uncut.set()
        self._socket: ClientConnection | None = None
        self._line: Line | None = None
        self._boots: BootReason | None = "PowerUp"
        self._accepted_tags: set[str] = set()
        self._is_closed = False
        self._failures = 0
        self._offline_since: datetime | None = None

    @property
    def is_online(self) -> bool:
        """Connected, and taken by the central system."""
        return self._line is not None

    async def run(self) -> None:
        while not self._is_closed:
            await self._uncut.wait()
            try:
                await self._connect_and_talk()
            except* BREAKS as broken:
                self._note(broken.exceptions[0])
            except* Exception:
                # Whatever the central system does to one charge point must not end the others.
                log.exception("%s: the connection broke", self._station.station_id)
                self._failures += 1
            await asyncio.sleep(_pause(self._failures, self._rng))

    async def authorise(self, id_tag: str) -> bool:
        """Whether the driver may charge. Offline, who did before may, and by default everyone else, too."""
        if self._line is not None:
            try:
                accepted = await self._line.authorise(id_tag)
            except BREAKS as error:
                log.info("%s: no answer to Authorize: %s", self._station.station_id, error)
            else:
                (self._accepted_tags.add if accepted else self._accepted_tags.discard)(id_tag)
                return accepted
        return id_tag in self._accepted_tags or self._configuration.is_on(TRUSTS_OFFLINE)

    async def use_new_key(self) -> None:
        """Connect anew where `key` was changed."""
        if self._socket is not None and self.key != self._key_in_use:
            await self._socket.close()

    def clear_cache(self) -> None:
        """Forget who was accepted before."""
        self._accepted_tags.clear()

    async def cut(self, *, boots: BootReason | None = None) -> None:
        """Nothing goes through any more; with a reason, the charge point boots anew afterwards."""
        self._uncut.clear()
        self._boots = boots or self._boots
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

    @property
    def _configuration(self) -> Configuration:
        return self._commands.configuration

    async def _connect_and_talk(self) -> None:
        self._key_in_use = self.key
        async with connect(
            self._url,
            subprotocols=[self._protocol.subprotocol],
            additional_headers=_credentials(self._station.station_id, self.key),
            compression=None,
            proxy=None,
            open_timeout=_OPEN_TIMEOUT,
        ) as socket:
            if self._is_closed or not self._uncut.is_set():
                return
            if socket.subprotocol != self._protocol.subprotocol:
                raise NotSpoken(f"{self._url} does not offer {self._protocol.subprotocol}")
            self._socket = socket
            line = self._protocol(self._station, socket, commands=self._commands)
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(line.start())
                    tasks.create_task(self._talk(line, socket))
            finally:
                self._went_offline()

    async def _talk(self, line: Line, socket: ClientConnection) -> None:
        has_booted = self._boots is not None
        while self._boots is not None:
            accepted, seconds = await line.boot(self._boots)
            if accepted:
                self._boots = None
                self._configuration.heartbeat_is(seconds)
            else:
                await asyncio.sleep(max(1, seconds))
        self._went_online(line, quietly="quiet_on_reconnect" in self._station.quirks and not has_booted)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._outbox.drain(line.send))
            tasks.create_task(self._beat(line, socket))

    def _went_online(self, line: Line, *, quietly: bool) -> None:
        self._line = line
        self._failures = 0
        if self._offline_since is not None:
            self._on_offline(self._offline_since, self._clock.now())
        self._offline_since = None
        self._outbox.renew_statuses(() if quietly else self._statuses())
        log.debug("%s: online", self._station.station_id)

    def _went_offline(self) -> None:
        self._socket = None
        if self._line is not None:
            self._line = None
            self._offline_since = self._clock.now()
            self._outbox.renew_statuses(())
        if "boots_on_reconnect" in self._station.quirks:
            self._boots = self._boots or "Unknown"

    async def _beat(self, line: Line, socket: ClientConnection) -> None:
        changed = self._configuration.heartbeat_changed
        while True:
            changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._configuration.heartbeat_interval):
                    await changed.wait()
                    continue
            try:
                await line.heartbeat()
            except TimeoutError:
                await socket.close()
                raise

    def _note(self, error: BaseException) -> None:
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        # A key that is not taken is nothing that time mends.
        refused = isinstance(error, InvalidStatus) and error.response.status_code == 401
        level = logging.WARNING if refused and not self._failures else logging.DEBUG
        name = self._station.station_id
        log.log(level, "%s: no connection, trying on: %s", name, error or type(error))
        self._failures += 1


def _credentials(user: str, password: str | None) -> dict[str, str]:
    if password is None:
        return {}
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode("ascii")}


def _pause(failures: int, rng: random.Random) -> float:
    return min(_LONGEST_PAUSE, 0.5 * 2.0 ** min(failures, 10)) * rng.uniform(0.5, 1.0)
