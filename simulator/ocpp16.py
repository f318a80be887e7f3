"""What a charge point tells its central system in OCPP 1.6J."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, cast

from ocpp.v16 import ChargePoint, call
from websockets.typing import Subprotocol

from simulator.answers16 import Answers16
from simulator.messages import Message, Metered, MeterShown, Reading, Started, StatusReport, Stopped
from simulator.meter_values import Context, meter_value_16
from simulator.peer import FIRMWARE, BootReason


class Ocpp16(Answers16, ChargePoint):  # type: ignore[misc]
    """One connection. Every request raises `OCPPError` for a CALLERROR and `TimeoutError` for no answer."""

    subprotocol = Subprotocol("ocpp1.6")
    assigns_ids = False

    async def boot(self, reason: BootReason = "PowerUp") -> tuple[bool, int]:  # noqa: ARG002 - 1.6 has none
        """Whether the central system takes us, and the seconds until the next heartbeat or try."""
        answer = await self.ask(
            call.BootNotification(
                charge_point_vendor=self._station.vendor,
                charge_point_model=self._station.model,
                charge_point_serial_number=self._station.id.hex[:25],
                firmware_version=FIRMWARE,
            )
        )
        return answer.status == "Accepted", int(answer.interval)

    async def heartbeat(self) -> None:
        await self.ask(call.Heartbeat(), unique_id=self.heartbeat_id)

    async def authorise(self, id_tag: str) -> bool:
        return _is_accepted(await self.ask(call.Authorize(id_tag=id_tag)))

    async def send(self, message: Message) -> None:
        await _SENDERS[type(message)](self, message)

    async def send_status(self, report: StatusReport) -> None:
        await self.ask(
            call.StatusNotification(
                connector_id=report.connector_id,
                error_code=cast(Any, report.error_code),
                status=cast(Any, report.status),
                timestamp=self.text(report.time),
                vendor_id=self._station.vendor if report.vendor_error_code else None,
                vendor_error_code=report.vendor_error_code,
            )
        )

    async def send_start(self, message: Started) -> None:
        transaction = message.transaction
        answer = await self.ask(
            call.StartTransaction(
                connector_id=transaction.connector_id,
                id_tag=transaction.id_tag,
                meter_start=transaction.meter_start,
                timestamp=self.text(transaction.start_time),
            )
        )
        transaction.transaction_id = answer.transaction_id
        transaction.refused = not _is_accepted(answer)

    async def send_meter_values(self, message: Metered) -> None:
        transaction = message.transaction
        await self._send_values(
            transaction.connector_id,
            message.reading,
            "Trigger" if message.asked_for else "Sample.Periodic",
            cast(int, transaction.transaction_id),
        )

    async def send_shown(self, message: MeterShown) -> None:
        transaction_id = message.transaction.transaction_id if message.transaction else None
        await self._send_values(
            message.connector_id, message.reading, "Trigger", cast(int | None, transaction_id)
        )

    async def send_stop(self, message: Stopped) -> None:
        transaction = message.transaction
        if message.forgotten:
            return await self.send_meter_values(Metered(transaction, message.last_reading))
        await self.ask(
            call.StopTransaction(
                transaction_id=cast(int, transaction.transaction_id),
                id_tag=transaction.id_tag,
                meter_stop=message.meter_stop,
                timestamp=self.text(message.time),
                reason=None if message.again else cast(Any, message.reason),
                transaction_data=self._transaction_data(message),
            )
        )
        return None

    async def _send_values(
        self, connector_id: int, reading: Reading, context: Context, transaction_id: int | None
    ) -> None:
        value = self._meter_value(reading, context)
        await self.ask(call.MeterValues(connector_id, [value], transaction_id))

    def _transaction_data(self, message: Stopped) -> list[dict[str, Any]] | None:
        if "signed_values" not in self._station.quirks:
            return None
        return [self._meter_value(message.last_reading, "Transaction.End")]

    def _meter_value(self, reading: Reading, context: Context) -> dict[str, Any]:
        time = self.text(reading.time)
        return meter_value_16(reading, time=time, context=context, quirks=self._station.quirks)


_SENDERS: Mapping[type, Callable[[Ocpp16, Any], Awaitable[None]]] = MappingProxyType(
    {
        StatusReport: Ocpp16.send_status,
        MeterShown: Ocpp16.send_shown,
        Started: Ocpp16.send_start,
        Metered: Ocpp16.send_meter_values,
        Stopped: Ocpp16.send_stop,
    }
)


def _is_accepted(answer: Any) -> bool:
    return bool(answer.id_tag_info["status"] == "Accepted")
