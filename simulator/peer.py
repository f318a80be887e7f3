"""What both versions share of one connection: asking, being asked, and taking whatever comes."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol

from ocpp.charge_point import ChargePoint
from ocpp.exceptions import GenericError, OCPPError, UnknownCallErrorCodeError
from websockets.exceptions import WebSocketException

from simulator.configuration import Configuration
from simulator.fleet import Station, StopReason
from simulator.messages import Message

log = logging.getLogger(__name__)

# What says that a connection is of no use any more, or that a request was refused on it.
BREAKS = (OSError, WebSocketException, OCPPError, TimeoutError)
FIRMWARE = "sim-2"
BootReason = Literal["PowerUp", "RemoteReset", "Triggered", "Unknown"]
Availability = Literal["Accepted", "Rejected", "Scheduled"]
_CALL = 2


class Commands(Protocol):
    """What the central system can ask for. `may_...` decides before the answer, the other acts after it.

    A connector None is all of them. What is asked for wrongly changes nothing.
    """

    configuration: Configuration

    def may_start(
        self, id_tag: str, connector_id: int | None, remote_start_id: int | None = None
    ) -> bool: ...
    def start(self, id_tag: str) -> None: ...
    def may_stop(self, transaction_id: int | str) -> bool: ...
    def stop(self, transaction_id: int | str) -> None: ...
    def has(self, connector_id: int) -> bool: ...
    def is_charging(self, connector_id: int | None) -> bool: ...
    def reset(self, reason: StopReason) -> None: ...
    def reset_when_idle(self) -> None: ...
    def unlock(self, connector_id: int) -> None: ...
    def availability_answer(self, connector_id: int | None, operative: bool) -> Availability: ...
    def change_availability(self, connector_id: int | None, operative: bool) -> None: ...
    def apply_changes(self) -> None: ...
    def tell_status(self, connector_id: int | None) -> None: ...
    def tell_meter(self, connector_id: int | None) -> None: ...
    def tell_transaction(self, connector_id: int | None) -> None: ...
    def clear_cache(self) -> None: ...
    def in_background(self, work: Coroutine[Any, Any, None]) -> None: ...


class Line(Protocol):
    """One connection in any version. Requests raise `OCPPError` for a CALLERROR, `TimeoutError` for none."""

    async def start(self) -> None: ...
    async def boot(self, reason: BootReason) -> tuple[bool, int]: ...
    async def heartbeat(self) -> None: ...
    async def authorise(self, id_tag: str) -> bool: ...
    async def send(self, message: Message) -> None: ...


class Peer(ChargePoint):  # type: ignore[misc]
    """Comes before a version's `ChargePoint` among the bases of a class."""

    def __init__(self, station: Station, connection: object, *, commands: Commands) -> None:
        super().__init__(station.station_id, connection)
        self._station = station
        self._commands = commands
        if "repeats_message_ids" in station.quirks:
            self._unique_id_generator = itertools.count(1).__next__

    async def route_message(self, raw_msg: str | bytes) -> None:
        """Take a frame; one that `ocpp` fails on costs a CALLERROR, and never the connection."""
        self._drop_replies_nobody_waits_for()
        try:
            await super().route_message(raw_msg)
        except (OSError, WebSocketException):
            raise
        except Exception as error:  # noqa: BLE001 - the boundary of a frame
            log.warning("%s: a frame that cannot be taken: %r", self._station.station_id, error)
            if (refusal := _refusal(raw_msg)) is not None:
                await self._connection.send(refusal)

    async def ask(self, request: object, *, unique_id: str | None = None) -> Any:
        # Without suppress=False a CALLERROR would come back as None.
        try:
            return await self.call(request, suppress=False, unique_id=unique_id)
        except UnknownCallErrorCodeError as error:
            raise GenericError(description=str(error)) from error

    @property
    def heartbeat_id(self) -> str | None:
        return "hb" if "repeats_message_ids" in self._station.quirks else None

    def text(self, moment: datetime) -> str:
        """A time as the charge point's own clock shows it."""
        shown = moment.astimezone(UTC) + timedelta(seconds=self._station.clock_skew)
        return shown.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def later(self, work: Coroutine[Any, Any, Any]) -> None:
        """Ask the central system something after the answer that is being given."""
        self._commands.in_background(self._tolerate(work))

    async def _tolerate(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            await work
        except BREAKS as error:
            log.info("%s: what was triggered failed: %s", self._station.station_id, error)

    def _drop_replies_nobody_waits_for(self) -> None:
        if not self._call_lock.locked():
            self._response_queue: asyncio.Queue[Any] = asyncio.Queue()


def verdict(accepted: bool) -> Any:
    return "Accepted" if accepted else "Rejected"


def _refusal(raw: str | bytes) -> str | None:
    """The CALLERROR that a frame gets which claims to be a CALL and has an id to answer to."""
    try:
        frame = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(frame, list) or len(frame) < 2 or frame[0] != _CALL or not isinstance(frame[1], str):
        return None
    return json.dumps([4, frame[1], "GenericError", "This frame cannot be taken.", {}])
