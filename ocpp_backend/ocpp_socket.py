"""The address at which charge points connect: who may, and with which version of OCPP."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from ocpp_backend import stations
from ocpp_backend.admission import Admission
from ocpp_backend.clock import Clock
from ocpp_backend.connection import Connection
from ocpp_backend.failures import Failure
from ocpp_backend.frames import FrameLog
from ocpp_backend.hub import Hub
from ocpp_backend.presence import Presence
from ocpp_backend.protocol import Protocol, Request
from ocpp_backend.quarantine import Quarantine
from ocpp_backend.refusals import Refusals
from ocpp_backend.slowdown import Slowdown
from ocpp_backend.store import Store

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ChargePointDoor:
    """Lets charge points in, or turns them away before there is a WebSocket."""

    store: Store
    hub: Hub
    presence: Presence
    quarantine: Quarantine
    admission: Admission
    heartbeat_interval: int
    clock: Clock
    call_timeout: float
    wrong_keys: Slowdown = field(default_factory=lambda: Slowdown(free=2))
    takeovers: Slowdown = field(default_factory=lambda: Slowdown(free=3))
    refusals: Refusals = field(default_factory=Refusals)

    async def enter(self, socket: WebSocket) -> None:
        station_id = socket.path_params["station_id"]
        try:
            protocol, subprotocol = self.admission.choose(socket.scope["subprotocols"])
            known = await self.admission.admit(station_id, socket.headers.get("authorization"))
            if not known:
                self.quarantine.check_room(station_id)
        except Failure as refusal:
            await self._turn_away(socket, station_id, refusal)
            return
        except SQLAlchemyError as error:
            _log.error("the store failed: %s", error)
            await _deny(socket, Failure(503, "store_unavailable", "the store does not answer"))
            return
        if not await self._pause_for_a_takeover(socket, station_id):
            return
        try:
            await socket.accept(subprotocol=subprotocol)
        except WebSocketDisconnect:
            return  # it left meanwhile
        await (self._serve if known else self._hold)(socket, station_id, protocol)

    async def _turn_away(self, socket: WebSocket, station_id: str, refusal: Failure) -> None:
        """Answer in HTTP; the more often a key was wrong, the later."""
        address = _address(socket)
        pause = self.wrong_keys.count((station_id, address)) if refusal.status == 401 else 0
        later = f"; answered {pause:g} s later" if pause else ""
        times = self.refusals.count((station_id, address, refusal.message, pause))
        if times is not None:
            often = f" ({times} times since that was told last)" if times > 1 else ""
            _log.warning("%r from %s is refused: %s%s%s", station_id, address, refusal.message, often, later)
        if await self.wrong_keys.wait(pause, partial(_left, socket)):
            await _deny(socket, refusal)

    async def _pause_for_a_takeover(self, socket: WebSocket, station_id: str) -> bool:
        """A charge point may come back before its old socket is closed; two of one id do it all the time.

        False where it did not wait.
        """
        if self.hub.get(station_id) is None and not self.quarantine.is_connected(station_id):
            return True
        pause = self.takeovers.count(station_id)
        if pause:
            _log.warning(
                "%s connects again and again while it is connected; the newest waits %g s. "
                "Are there two charge points with this id?",
                station_id,
                pause,
            )
        return await self.takeovers.wait(pause, partial(_left, socket))

    async def _serve(self, socket: WebSocket, station_id: str, protocol: Protocol) -> None:
        connection = Connection(
            socket,
            station_id,
            protocol,
            answer=partial(self._answer, station_id, protocol),
            heard=partial(self._heard, station_id),
            frames=FrameLog(station_id, self.store.record, self.clock),
            call_timeout=self.call_timeout,
        )
        _log.info("%s connected with %s", station_id, protocol.subprotocol)
        await self.hub.attach(connection)
        try:
            await self._heard(station_id)
            await connection.serve()
        finally:
            self.hub.detach(connection)
            _log.info("%s disconnected", station_id)

    async def _hold(self, socket: WebSocket, station_id: str, protocol: Protocol) -> None:
        connection = Connection(
            socket,
            station_id,
            protocol,
            answer=partial(self.quarantine.answer, station_id),
            heard=_nothing,
            frames=FrameLog(station_id, self.quarantine.record, self.clock),
            call_timeout=self.call_timeout,
        )
        try:
            await self.quarantine.attach(connection, _address(socket))
            await connection.serve()
        finally:
            self.quarantine.detach(connection)

    async def _heard(self, station_id: str) -> None:
        now = self.clock()
        if not self.presence.heard(station_id, now):
            return
        try:
            await self.store.write(lambda db: stations.came_online(db, station_id, now))
        except Exception:
            self.presence.forget(station_id)
            raise

    async def _answer(
        self, station_id: str, protocol: Protocol, action: str, payload: dict[str, Any]
    ) -> dict[str, Any]:
        request = Request(station_id, payload, self.clock(), self.heartbeat_interval)
        handler = protocol.handlers[action]
        return await self.store.write(lambda db: handler(db, request))


async def _nothing() -> None:
    """A charge point that is not believed is not heard either."""


async def _left(socket: WebSocket) -> None:
    """Returns once a client that waits for its handshake is gone."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


async def _deny(socket: WebSocket, refusal: Failure) -> None:
    headers = {"WWW-Authenticate": 'Basic realm="OCPP"'} if refusal.status == 401 else None
    with suppress(WebSocketDisconnect):  # it left meanwhile
        await socket.send_denial_response(PlainTextResponse(refusal.message, refusal.status, headers))


def _address(socket: WebSocket) -> str:
    return socket.client.host if socket.client else "?"
