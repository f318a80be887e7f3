"""The locator API: the endpoints that the platform calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection as Database
from sqlalchemy import Row
from starlette.requests import Request
from starlette.routing import Route

from ocpp_backend import keys, outbox, quarantine, session_data, stations, transaction_rows
from ocpp_backend.answers import Json
from ocpp_backend.bodies import InitiateChargingBody, StopChargingBody, SyncStationBody, read_body
from ocpp_backend.clock import Clock, wire_time
from ocpp_backend.commands import Commands
from ocpp_backend.failures import Failure
from ocpp_backend.hub import Hub
from ocpp_backend.presence import Presence
from ocpp_backend.quarantine import Quarantine
from ocpp_backend.stations import SyncResult
from ocpp_backend.store import Store


@dataclass(frozen=True)
class Locator:
    store: Store
    hub: Hub
    presence: Presence
    quarantine: Quarantine
    commands: Commands
    websocket_url: str
    clock: Clock

    def routes(self) -> list[Route]:
        return [
            Route("/healthz", self.health, methods=["GET"]),
            Route("/api/locator/stations/", self.stations, methods=["GET"]),
            Route("/api/locator/presence/", self.who_is_there, methods=["GET"]),
            Route("/api/locator/sync-station/", self.sync_station, methods=["POST"]),
            Route("/api/locator/initiate-charging/", self.initiate_charging, methods=["POST"]),
            Route("/api/locator/session/{transaction_id}/", self.session, methods=["GET"]),
            Route("/api/locator/stop-charging/", self.stop_charging, methods=["POST"]),
        ]

    async def health(self, _request: Request) -> Json:
        backlog = await self.store.read(outbox.backlog)
        age = None if backlog.oldest is None else (self.clock() - backlog.oldest).total_seconds()
        return Json(
            {
                "status": "ok",
                "stations_connected": len(self.hub),
                "outbox": backlog.pending,
                "outbox_refused": backlog.refused,
                "oldest_undelivered_seconds": age,
            }
        )

    async def stations(self, _request: Request) -> Json:
        known, with_key = await self.store.read(
            lambda db: (stations.everything(db), keys.stations_with_key(db))
        )
        return Json(
            [
                self._station(station, connectors, has_key=station.station_id in with_key)
                for station, connectors in known
            ]
        )

    async def who_is_there(self, _request: Request) -> Json:
        """The stations that count as online, and when each was last heard. Until a backend that was started
        has listened for long enough, those that were online before it count as online.
        """
        known = await self.store.read(stations.last_seen)
        seen = {name: self.presence.last_seen(name) for name in known}
        return Json(
            {
                "stations": {
                    name: {"online": seen[name] is not None, "last_seen": _wire(seen[name] or saved)}
                    for name, saved in known.items()
                }
            }
        )

    async def sync_station(self, request: Request) -> Json:
        body = await read_body(request, SyncStationBody)
        columns = [connector.columns() for connector in body.connectors]
        now = self.clock()

        def sync(db: Database) -> SyncResult:
            quarantine.forget(db, body.station_id)
            return stations.sync(db, body.station_id, body.facts(), columns, now)

        synced = await self.store.write(sync)
        await self.quarantine.release(body.station_id)
        return Json(
            {
                "station_id": body.station_id,
                "ocpp_websocket": self.websocket_url + quote(body.station_id, safe=""),
                "connectors_count": len(columns),
                "connectors_created": synced.created,
                "connectors_updated": synced.updated,
                "connectors_removed": synced.removed,
            }
        )

    async def initiate_charging(self, request: Request) -> Json:
        body = await read_body(request, InitiateChargingBody)
        transaction = await self.commands.initiate(body.station_id, body.connector_id, body.order())
        return Json({"transaction": session_data.as_transaction(transaction)})

    async def session(self, request: Request) -> Json:
        number = request.path_params["transaction_id"]
        transaction_id = int(number) if number.isascii() and number.isdigit() and len(number) < 20 else 0
        transaction = await self.store.read(lambda db: transaction_rows.get(db, transaction_id))
        if transaction is None:
            raise Failure(404, "transaction_not_found", f"There is no transaction {number[:40]}.")
        return Json({"session_data": session_data.as_session(transaction, self.clock())})

    async def stop_charging(self, request: Request) -> Json:
        body = await read_body(request, StopChargingBody)
        transaction = await self.commands.stop(body.transaction_id, body.user_id)
        status = session_data.wire_status(transaction)
        return Json({"transaction_id": transaction.transaction_id, "status": status})

    def _station(self, station: Row[Any], connectors: list[Row[Any]], *, has_key: bool) -> dict[str, Any]:
        connection = self.hub.get(station.station_id)
        seen: datetime | None = self.presence.last_seen(station.station_id) or station.last_seen
        return {
            "station_id": station.station_id,
            "connected": connection is not None,
            "ocpp_version": connection.protocol.subprotocol if connection else None,
            "has_key": has_key,
            "last_seen": _wire(seen),
            "connectors": [
                {"connector_id": c.connector_id, "status": c.status, "error_code": c.error_code}
                for c in connectors
            ],
        }


def _wire(at: datetime | None) -> str | None:
    return None if at is None else wire_time(at)
