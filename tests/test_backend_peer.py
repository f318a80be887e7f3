"""The backend against an independent implementation of OCPP, the `ocpp` package's charge point."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from backend_support import Backend
from ocpp.routing import after, on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import ChargePointErrorCode, ChargePointStatus, Reason
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

pytest_plugins = ["backend_fixtures"]


class Car(ChargePoint):  # type: ignore[misc]
    """Charges 8.5 kWh when told to, and stops when told to."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.begun: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @on("RemoteStartTransaction")  # type: ignore[untyped-decorator]
    def agree_to_start(self, **_: Any) -> call_result.RemoteStartTransaction:
        return call_result.RemoteStartTransaction("Accepted")

    @after("RemoteStartTransaction")  # type: ignore[untyped-decorator]
    async def begin(self, id_tag: str, connector_id: int) -> None:
        now = datetime.now(UTC).isoformat()
        await self.call(call.Authorize(id_tag), suppress=False)
        answer = await self.call(call.StartTransaction(connector_id, id_tag, 120_000, now), suppress=False)
        sampled = {"timestamp": now, "sampled_value": [{"value": "124.0", "unit": "kWh"}]}
        values = call.MeterValues(connector_id, [sampled], answer.transaction_id)
        await self.call(values, suppress=False)
        self.begun.set_result(answer.transaction_id)

    @on("RemoteStopTransaction")  # type: ignore[untyped-decorator]
    def agree_to_stop(self, **_: Any) -> call_result.RemoteStopTransaction:
        return call_result.RemoteStopTransaction("Accepted")

    @after("RemoteStopTransaction")  # type: ignore[untyped-decorator]
    async def stop(self, transaction_id: int) -> None:
        now = datetime.now(UTC).isoformat()
        stop = call.StopTransaction(128_500, now, transaction_id, reason=Reason.remote)
        await self.call(stop, suppress=False)
        self.ended.set_result(None)


async def charge(backend: Backend) -> int:
    """The transaction id of a charge from beginning to end."""
    url = f"ws://127.0.0.1:{backend.port}/ws/ev-locator/ST1"
    async with connect(url, subprotocols=[Subprotocol("ocpp1.6")], compression=None, proxy=None) as socket:
        car = Car("ST1", socket)
        listening = asyncio.create_task(car.start())
        await car.call(call.BootNotification("Terra", "ABB"), suppress=False)
        free = call.StatusNotification(1, ChargePointErrorCode.no_error, ChargePointStatus.available)
        await car.call(free, suppress=False)
        assert (await asyncio.to_thread(backend.initiate)).status_code == 200
        transaction_id = await asyncio.wait_for(car.begun, 20)
        assert (await asyncio.to_thread(backend.halt, transaction_id)).status_code == 200
        await asyncio.wait_for(car.ended, 20)
        listening.cancel()
    return transaction_id


def test_a_charge_started_and_stopped_from_afar_is_counted(backend: Backend) -> None:
    backend.sync()
    session = backend.session(asyncio.run(charge(backend)))
    outcome = (session["status"], session["energy_consumed_kwh"], session["stop_reason"])
    assert outcome == ("Stopped", 8.5, "Remote")
