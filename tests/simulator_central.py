"""A small central system made of the `ocpp` package: an independent peer for the virtual charge points."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from ocpp import v16, v201
from ocpp.routing import on
from ocpp.v16 import call, call_result
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from simulator.fleet import Connector, Fleet, Station, load_fleet

STATION = UUID("00000000-0000-4000-8000-000000000001")
DEADLINE = 20.0


@dataclass
class Central:
    """Remembers every request as (action, payload) in order of arrival, over all connections.

    `replies` are the answers it got, those to frames that `throw` sent included.
    """

    received: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    refused_tags: set[str] = field(default_factory=set)
    silent_about: set[str] = field(default_factory=set)
    failing_about: set[str] = field(default_factory=set)
    credentials: list[str | None] = field(default_factory=list)
    message_ids: list[str] = field(default_factory=list)
    replies: list[list[Any]] = field(default_factory=list)
    peer: Peer16 | Peer201 | None = None
    server: Server | None = None
    port: int = 0
    next_transaction: int = 41

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/"

    def all(self, action: str) -> list[dict[str, Any]]:
        return [payload for name, payload in self.received if name == action]

    def statuses(self, connector_id: int = 1) -> list[str]:
        reports = self.all("StatusNotification")
        return [report["status"] for report in reports if report["connector_id"] == connector_id]

    @property
    def samples(self) -> list[dict[str, Any]]:
        """What meters said during transactions, in either version."""
        return [*self.all("MeterValues"), *self.events("Updated")]

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The TransactionEvents of OCPP 2.0.1, all or of one kind."""
        return [e for e in self.all("TransactionEvent") if kind in (None, e["event_type"])]

    async def start(self) -> None:
        self.server = await serve(
            self._serve, "127.0.0.1", self.port, subprotocols=list(_PEERS), compression=None
        )
        self.port = self.server.sockets[0].getsockname()[1]

    async def kill(self) -> None:
        if self.server is not None:
            self.server.close()
            await self.server.wait_closed()
        self.peer = None

    async def ask(self, request: object) -> Any:
        assert self.peer is not None
        return await self.peer.call(request, suppress=False)

    async def throw(self, frame: str | bytes) -> None:
        """Send a frame as it is."""
        assert self.peer is not None
        await self.peer._connection.send(frame)

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(DEADLINE):
            while not holds():
                await asyncio.sleep(0.005)

    async def _serve(self, connection: ServerConnection) -> None:
        assert connection.subprotocol is not None and connection.request is not None
        self.credentials.append(connection.request.headers.get("Authorization"))
        self.peer = _PEERS[connection.subprotocol](STATION.hex, connection, self)
        with contextlib.suppress(ConnectionClosed):
            await self.peer.start()


class Peer:
    """The central system's side of one connection."""

    def __init__(self, name: str, connection: ServerConnection, central: Central) -> None:
        super().__init__(name, connection)  # type: ignore[call-arg]
        self._central = central
        self._connection = connection

    async def route_message(self, raw: str) -> None:
        frame = json.loads(raw)
        if frame[0] == 2:
            self._central.message_ids.append(frame[1])
        else:
            self._central.replies.append(frame)
        await super().route_message(raw)  # type: ignore[misc]

    async def _note(self, action: str, payload: dict[str, Any]) -> None:
        self._central.received.append((action, payload))
        if action in self._central.silent_about:
            await self._connection.wait_closed()
        if action in self._central.failing_about:
            raise RuntimeError("told to fail")

    def _verdict(self, id_tag: str) -> dict[str, Any]:
        return {"status": "Invalid" if id_tag in self._central.refused_tags else "Accepted"}


class Peer16(Peer, v16.ChargePoint):  # type: ignore[misc]
    @on("BootNotification")  # type: ignore[untyped-decorator]
    async def on_boot(self, **payload: Any) -> Any:
        await self._note("BootNotification", payload)
        now = datetime.now(UTC).isoformat()
        return call_result.BootNotification(current_time=now, interval=300, status="Accepted")

    @on("Heartbeat")  # type: ignore[untyped-decorator]
    async def on_heartbeat(self, **payload: Any) -> Any:
        await self._note("Heartbeat", payload)
        return call_result.Heartbeat(current_time=datetime.now(UTC).isoformat())

    @on("StatusNotification")  # type: ignore[untyped-decorator]
    async def on_status(self, **payload: Any) -> Any:
        await self._note("StatusNotification", payload)
        return call_result.StatusNotification()

    @on("Authorize")  # type: ignore[untyped-decorator]
    async def on_authorize(self, **payload: Any) -> Any:
        await self._note("Authorize", payload)
        return call_result.Authorize(id_tag_info=self._verdict(payload["id_tag"]))

    @on("StartTransaction")  # type: ignore[untyped-decorator]
    async def on_start(self, **payload: Any) -> Any:
        await self._note("StartTransaction", payload)
        self._central.next_transaction += 1
        return call_result.StartTransaction(
            transaction_id=self._central.next_transaction, id_tag_info=self._verdict(payload["id_tag"])
        )

    @on("MeterValues")  # type: ignore[untyped-decorator]
    async def on_meter_values(self, **payload: Any) -> Any:
        await self._note("MeterValues", payload)
        return call_result.MeterValues()

    @on("StopTransaction")  # type: ignore[untyped-decorator]
    async def on_stop(self, **payload: Any) -> Any:
        await self._note("StopTransaction", payload)
        return call_result.StopTransaction()

    @on("FirmwareStatusNotification")  # type: ignore[untyped-decorator]
    async def on_firmware_status(self, **payload: Any) -> Any:
        await self._note("FirmwareStatusNotification", payload)
        return call_result.FirmwareStatusNotification()


class Peer201(Peer, v201.ChargePoint):  # type: ignore[misc]
    @on("BootNotification")  # type: ignore[untyped-decorator]
    async def on_boot(self, **payload: Any) -> Any:
        await self._note("BootNotification", payload)
        now = datetime.now(UTC).isoformat()
        return v201.call_result.BootNotification(current_time=now, interval=300, status="Accepted")

    @on("Heartbeat")  # type: ignore[untyped-decorator]
    async def on_heartbeat(self, **payload: Any) -> Any:
        await self._note("Heartbeat", payload)
        return v201.call_result.Heartbeat(current_time=datetime.now(UTC).isoformat())

    @on("StatusNotification")  # type: ignore[untyped-decorator]
    async def on_status(self, **payload: Any) -> Any:
        await self._note(
            "StatusNotification",
            {**payload, "connector_id": payload["evse_id"], "status": payload["connector_status"]},
        )
        return v201.call_result.StatusNotification()

    @on("Authorize")  # type: ignore[untyped-decorator]
    async def on_authorize(self, **payload: Any) -> Any:
        await self._note("Authorize", payload)
        return v201.call_result.Authorize(id_token_info=self._verdict(payload["id_token"]["id_token"]))

    @on("TransactionEvent")  # type: ignore[untyped-decorator]
    async def on_event(self, **payload: Any) -> Any:
        await self._note("TransactionEvent", payload)
        token = payload.get("id_token")
        info = self._verdict(token["id_token"]) if token else None
        return v201.call_result.TransactionEvent(id_token_info=info)

    @on("MeterValues")  # type: ignore[untyped-decorator]
    async def on_meter_values(self, **payload: Any) -> Any:
        await self._note("MeterValues", payload)
        return v201.call_result.MeterValues()

    @on("NotifyEvent")  # type: ignore[untyped-decorator]
    async def on_notify_event(self, **payload: Any) -> Any:
        await self._note("NotifyEvent", payload)
        return v201.call_result.NotifyEvent()

    @on("LogStatusNotification")  # type: ignore[untyped-decorator]
    async def on_log_status(self, **payload: Any) -> Any:
        await self._note("LogStatusNotification", payload)
        return v201.call_result.LogStatusNotification()


_PEERS: dict[Subprotocol, type[Peer16] | type[Peer201]] = {
    Subprotocol("ocpp1.6"): Peer16,
    Subprotocol("ocpp2.0.1"): Peer201,
}


@contextlib.asynccontextmanager
async def central_system() -> AsyncIterator[Central]:
    central = Central()
    await central.start()
    try:
        yield central
    finally:
        await central.kill()


def remote_start(id_tag: str, connector_id: int = 1) -> Any:
    return call.RemoteStartTransaction(id_tag=id_tag, connector_id=connector_id)


def remote_stop(transaction_id: int) -> Any:
    return call.RemoteStopTransaction(transaction_id=transaction_id)


def register_of(meter_values: dict[str, Any]) -> int:
    """The register in Wh that a MeterValues request carries."""
    samples = meter_values["meter_value"][0]["sampled_value"]
    return next(int(s["value"]) for s in samples if s["measurand"] == "Energy.Active.Import.Register")


def small_fleet(**of_station: Any) -> Fleet:
    """One station with a 60 kW and a 22 kW connector, and the demo's vehicles; nothing fails by chance."""
    facts: dict[str, Any] = {
        "id": STATION,
        "name": "Test",
        "owner": "addis",
        "address": "Test Road",
        "city": "Addis Ababa",
        "latitude": 9.0,
        "longitude": 38.7,
        "vendor": "Test",
        "model": "Test 60",
        "place": "public",
        "sessions_per_day": 10,
        "connectors": (
            Connector.model_validate({"type": "ccs2", "power_kw": 60, "price_per_kwh": "20"}),
            Connector.model_validate({"type": "type2", "power_kw": 22, "price_per_kwh": "13"}),
        ),
    }
    station = Station.model_validate({**facts, **of_station})
    return load_fleet().model_copy(update={"stations": (station,), "outages": (), "failed_sessions": 0.0})
