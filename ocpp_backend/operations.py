"""The endpoints for those who run charge points: keys, commands, the quarantine, the log of frames."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.routing import Route

from ocpp_backend import frame_log, keys, quarantine, station_commands, stations
from ocpp_backend.answers import Json
from ocpp_backend.bodies import read_body, read_query
from ocpp_backend.clock import Clock
from ocpp_backend.connection import POLICY_VIOLATION
from ocpp_backend.failures import Failure
from ocpp_backend.frame_query import FrameQuery
from ocpp_backend.hub import Hub
from ocpp_backend.quarantine import Quarantine
from ocpp_backend.station_commands import StationCommands
from ocpp_backend.station_commands.bodies import BODIES
from ocpp_backend.store import Store

_STATION = "/api/locator/stations/{station_id}"


@dataclass(frozen=True)
class Operations:
    """`guarded` says whether requests need an API key; without one, no charge point is given a key."""

    store: Store
    hub: Hub
    quarantine: Quarantine
    commands: StationCommands
    guarded: bool
    clock: Clock

    def routes(self) -> list[Route]:
        return [
            Route(f"{_STATION}/key/", self.create_key, methods=["POST"]),
            Route(f"{_STATION}/key/", self.withdraw_key, methods=["DELETE"]),
            Route(f"{_STATION}/commands/{{command}}/", self.command, methods=["POST"]),
            Route("/api/locator/commands/", self.known_commands, methods=["GET"]),
            Route("/api/locator/quarantine/", self.quarantined, methods=["GET"]),
            Route("/api/locator/frames/", self.frames, methods=["GET"]),
        ]

    async def create_key(self, request: Request) -> Json:
        """A new key, which is shown only in this answer."""
        station_id, key = await self._replace_key(request)
        return Json({"station_id": station_id, "key": key}, headers={"Cache-Control": "no-store"})

    async def withdraw_key(self, request: Request) -> Json:
        """Lock a station out: its connection ends, and nobody learns the key that takes the old one's place.

        Having none would let it in again where keys are not required.
        """
        station_id, _ = await self._replace_key(request)
        connection = self.hub.get(station_id)
        if connection is not None:
            await connection.close(POLICY_VIOLATION, "its key was withdrawn")
        return Json({"station_id": station_id, "disconnected": connection is not None})

    async def _replace_key(self, request: Request) -> tuple[str, str]:
        """Station id and new key."""
        if not self.guarded:
            raise Failure(401, "unauthorized", "Set OCPP_API_KEY: whoever changes a key must have one.")
        station_id, key, now = request.path_params["station_id"], keys.fresh_key(), self.clock()
        if await self.store.read(lambda db: stations.find(db, station_id)) is None:
            raise Failure(404, "station_not_found", f"There is no station {station_id[:255]}.")
        await self.store.write(lambda db: keys.put(db, station_id, key, now))
        return station_id, key

    async def command(self, request: Request) -> Json:
        name = request.path_params["command"]
        body = await read_body(request, station_commands.body_of(name), empty=b"{}")
        return Json(await self.commands.send(request.path_params["station_id"], name, body))

    async def known_commands(self, _request: Request) -> Json:
        """What can be asked of charge points, so that nobody need try it out."""
        return Json({"commands": list(BODIES)})

    async def quarantined(self, _request: Request) -> Json:
        rows = await self.store.read(quarantine.everything)
        is_connected = self.quarantine.is_connected
        return Json([quarantine.as_wire(row, connected=is_connected(row.station_id)) for row in rows])

    async def frames(self, request: Request) -> Json:
        query = read_query(request, FrameQuery)
        search = query.search()
        found = await self.store.read(lambda db: frame_log.find(db, search))
        older = found[-1].id if len(found) == search.limit else None
        answer = {"frames": [frame_log.as_wire(frame) for frame in found], "cursor": older}
        if query.partners:
            others = await self.store.read(lambda db: frame_log.partners(db, found))
            answer["partners"] = [frame_log.as_wire(frame) for frame in others]
        return Json(answer)
