"""The address at which charge points connect: who may, and with which version of OCPP."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocket

from ocpp_backend import stations
from ocpp_backend.clock import Clock
from ocpp_backend.connection import Connection
from ocpp_backend.failures import Failure
from ocpp_backend.hub import Hub
from ocpp_backend.presence import Presence
from ocpp_backend.protocol import Protocol, Request
from ocpp_backend.store import Store

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ChargePointDoor:
    """Lets charge points in. `protocols` by subprotocol, the preferred one first."""

    store: Store
    hub: Hub
    presence: Presence
    protocols: Mapping[str, Protocol]
    heartbeat_interval: int
    clock: Clock
    call_timeout: float

    async def enter(self, socket: WebSocket) -> None:
        station_id = socket.path_params["station_id"]
        try:
            protocol = self._choose(socket.scope["subprotocols"])
            await self._check_known(station_id)
        except Failure as refusal:
            _log.warning("%r is refused: %s", station_id, refusal.message)
            await socket.send_denial_response(PlainTextResponse(refusal.message, refusal.status))
            return
        await socket.accept(subprotocol=protocol.subprotocol)
        await self._serve(socket, station_id, protocol)

    def _choose(self, offered: list[str]) -> Protocol:
        for name, protocol in self.protocols.items():
            if name in offered:
                return protocol
        known = ", ".join(self.protocols)
        reason = f"it offers the subprotocols {offered}" if offered else "it offers no subprotocol"
        raise Failure(400, "no_common_subprotocol", f"{reason}; known here: {known}")

    async def _check_known(self, station_id: str) -> None:
        if "\0" in station_id or await self.store.read(lambda db: stations.find(db, station_id)) is None:
            raise Failure(404, "station_not_found", "no station of this id was registered by sync-station")

    async def _serve(self, socket: WebSocket, station_id: str, protocol: Protocol) -> None:
        connection = Connection(
            socket,
            station_id,
            protocol,
            answer=partial(self._answer, station_id, protocol),
            heard=partial(self._heard, station_id),
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

    async def _heard(self, station_id: str) -> None:
        now = self.clock()
        if self.presence.heard(station_id, now):
            await self.store.write(lambda db: stations.came_online(db, station_id, now))

    async def _answer(
        self, station_id: str, protocol: Protocol, action: str, payload: dict[str, Any]
    ) -> dict[str, Any]:
        request = Request(station_id, payload, self.clock(), self.heartbeat_interval)
        handler = protocol.handlers[action]
        return await self.store.write(lambda db: handler(db, request))
