"""The backend against an independent implementation of OCPP 2.0.1, the `ocpp` package's charge point."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from backend_support import Backend
from ocpp.routing import after, on
from ocpp.v201 import ChargePoint, call, call_result
from ocpp.v201 import enums as ocpp
from ocpp.v201.datatypes import (
    ChargingStationType,
    EVSEType,
    IdTokenType,
    MeterValueType,
    SampledValueType,
    TransactionType,
    UnitOfMeasureType,
)
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

pytest_plugins = ["backend_fixtures"]


class Car(ChargePoint):  # type: ignore[misc]
    """Charges 8.5 kWh when told to, and stops when told to. Plugged in first, or afterwards."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.is_begun = False
        self.charging: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ended: asyncio.Future[call_result.TransactionEvent] = asyncio.get_running_loop().create_future()

    async def tell(
        self,
        kind: ocpp.TransactionEventEnumType,
        trigger: ocpp.TriggerReasonEnumType,
        register: SampledValueType,
        state: ocpp.ChargingStateEnumType,
        **more: Any,
    ) -> Any:
        now = datetime.now(UTC).isoformat()
        info = TransactionType("peer-1", charging_state=state, remote_start_id=more.pop("remote", None))
        values = [MeterValueType(timestamp=now, sampled_value=[register])]
        event = call.TransactionEvent(
            kind, now, trigger, 0, info, meter_value=values, evse=EVSEType(1, 1), **more
        )
        return await self.call(event, suppress=False)

    async def plug_in(self) -> None:
        await self.tell(
            ocpp.TransactionEventEnumType.started,
            ocpp.TriggerReasonEnumType.cable_plugged_in,
            SampledValueType(120_000, context=ocpp.ReadingContextEnumType.transaction_begin),
            ocpp.ChargingStateEnumType.ev_connected,
        )
        self.is_begun = True

    @on("RequestStartTransaction")  # type: ignore[untyped-decorator]
    def agree_to_start(self, **_: Any) -> call_result.RequestStartTransaction:
        known = "peer-1" if self.is_begun else None
        return call_result.RequestStartTransaction("Accepted", transaction_id=known)

    @after("RequestStartTransaction")  # type: ignore[untyped-decorator]
    async def begin(self, remote_start_id: int, id_token: dict[str, str], **_: Any) -> None:
        token = IdTokenType(id_token["id_token"], id_token["type"])
        await self.call(call.Authorize(token), suppress=False)
        kind = ocpp.TransactionEventEnumType
        await self.tell(
            kind.updated if self.is_begun else kind.started,
            ocpp.TriggerReasonEnumType.remote_start,
            SampledValueType(120_000),
            ocpp.ChargingStateEnumType.ev_connected,
            remote=remote_start_id,
            id_token=token,
        )
        await self.tell(
            kind.updated,
            ocpp.TriggerReasonEnumType.charging_state_changed,
            SampledValueType(124.0, unit_of_measure=UnitOfMeasureType("kWh")),
            ocpp.ChargingStateEnumType.charging,
        )
        self.charging.set_result(None)

    @on("RequestStopTransaction")  # type: ignore[untyped-decorator]
    def agree_to_stop(self, transaction_id: str) -> call_result.RequestStopTransaction:
        return call_result.RequestStopTransaction("Accepted" if transaction_id == "peer-1" else "Rejected")

    @after("RequestStopTransaction")  # type: ignore[untyped-decorator]
    async def stop(self, **_: Any) -> None:
        answer = await self.tell(
            ocpp.TransactionEventEnumType.ended,
            ocpp.TriggerReasonEnumType.remote_stop,
            SampledValueType(128_500, context=ocpp.ReadingContextEnumType.transaction_end),
            ocpp.ChargingStateEnumType.idle,
        )
        self.ended.set_result(answer)


async def charge(backend: Backend, *, plugged_in_first: bool) -> tuple[int, Any]:
    """The transaction id of a charge from beginning to end, and what its end was answered with."""
    url = f"ws://127.0.0.1:{backend.port}/ws/ev-locator/ST1"
    async with connect(url, subprotocols=[Subprotocol("ocpp2.0.1")], compression=None, proxy=None) as socket:
        car = Car("ST1", socket)
        listening = asyncio.create_task(car.start())
        boot = call.BootNotification(ChargingStationType("Terra", "ABB"), ocpp.BootReasonEnumType.power_up)
        await car.call(boot, suppress=False)
        free = call.StatusNotification(datetime.now(UTC).isoformat(), "Available", 1, 1)
        await car.call(free, suppress=False)
        if plugged_in_first:
            await car.plug_in()
        answer = await asyncio.to_thread(backend.initiate)
        transaction_id = answer.json()["transaction"]["transaction_id"]
        await asyncio.wait_for(car.charging, 20)
        assert (await asyncio.to_thread(backend.halt, transaction_id)).status_code == 200
        ended = await asyncio.wait_for(car.ended, 20)
        listening.cancel()
    return transaction_id, ended


@pytest.mark.parametrize("plugged_in_first", [False, True])
def test_a_charge_started_and_stopped_from_afar_is_counted(backend: Backend, plugged_in_first: bool) -> None:
    backend.sync(price_per_kwh="10", currency="ETB")
    transaction_id, answer = asyncio.run(charge(backend, plugged_in_first=plugged_in_first))
    session = backend.session(transaction_id)
    outcome = (session["status"], session["energy_consumed_kwh"], session["stop_reason"])
    assert (*outcome, answer.total_cost) == ("Stopped", 8.5, "Remote", 85)
