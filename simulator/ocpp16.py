"""A charge point's side of OCPP 1.6J, in the terms of `simulator.messages`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Protocol, cast

from ocpp.routing import after, on
from ocpp.v16 import ChargePoint, call, call_result
from websockets.typing import Subprotocol

from simulator.fleet import Station
from simulator.messages import Message, Metered, Reading, Started, StatusReport, Stopped

SUBPROTOCOL = Subprotocol("ocpp1.6")
FIRMWARE = "1.6-sim"
_MAINS_VOLTS = 230


class Commands(Protocol):
    """What the central system can ask for. `may_...` decides before the answer, the other acts after it."""

    def may_start(self, id_tag: str, connector_id: int | None) -> bool: ...
    def start(self, id_tag: str) -> None: ...
    def may_stop(self, transaction_id: int) -> bool: ...
    def stop(self, transaction_id: int) -> None: ...


class Ocpp16(ChargePoint):  # type: ignore[misc]
    """One connection. Every request raises `OCPPError` for a CALLERROR and `TimeoutError` for no answer."""

    def __init__(self, station: Station, connection: object, *, commands: Commands) -> None:
        super().__init__(station.station_id, connection)
        self._station = station
        self._commands = commands

    async def boot(self) -> tuple[bool, int]:
        """Whether the central system takes us, and the seconds until the next heartbeat or try."""
        answer = await self._ask(
            call.BootNotification(
                charge_point_vendor=self._station.vendor,
                charge_point_model=self._station.model,
                charge_point_serial_number=self._station.id.hex[:25],
                firmware_version=FIRMWARE,
            )
        )
        return answer.status == "Accepted", int(answer.interval)

    async def heartbeat(self) -> None:
        await self._ask(call.Heartbeat())

    async def authorise(self, id_tag: str) -> bool:
        return _is_accepted(await self._ask(call.Authorize(id_tag=id_tag)))

    async def send(self, message: Message) -> None:
        await _SENDERS[type(message)](self, message)

    async def send_status(self, report: StatusReport) -> None:
        await self._ask(
            call.StatusNotification(
                connector_id=report.connector_id,
                error_code=cast(Any, report.error_code),
                status=cast(Any, report.status),
                timestamp=_text(report.time),
                vendor_id=self._station.vendor if report.vendor_error_code else None,
                vendor_error_code=report.vendor_error_code,
            )
        )

    async def send_start(self, message: Started) -> None:
        transaction = message.transaction
        answer = await self._ask(
            call.StartTransaction(
                connector_id=transaction.connector_id,
                id_tag=transaction.id_tag,
                meter_start=transaction.meter_start,
                timestamp=_text(transaction.start_time),
            )
        )
        transaction.transaction_id = answer.transaction_id
        transaction.refused = not _is_accepted(answer)

    async def send_meter_values(self, message: Metered) -> None:
        await self._ask(
            call.MeterValues(
                connector_id=message.transaction.connector_id,
                transaction_id=message.transaction.transaction_id,
                meter_value=[meter_value(message.reading)],
            )
        )

    async def send_stop(self, message: Stopped) -> None:
        await self._ask(
            call.StopTransaction(
                transaction_id=cast(int, message.transaction.transaction_id),
                id_tag=message.transaction.id_tag,
                meter_stop=message.meter_stop,
                timestamp=_text(message.time),
                reason=cast(Any, message.reason),
            )
        )

    async def _ask(self, request: object) -> Any:
        # Without suppress=False a CALLERROR would come back as None.
        return await self.call(request, suppress=False)

    @on("RemoteStartTransaction")  # type: ignore[untyped-decorator]
    def on_remote_start(
        self, id_tag: str, connector_id: int | None = None, **_: object
    ) -> call_result.RemoteStartTransaction:
        return call_result.RemoteStartTransaction(
            status=_verdict(self._commands.may_start(id_tag, connector_id))
        )

    @after("RemoteStartTransaction")  # type: ignore[untyped-decorator]
    def after_remote_start(self, id_tag: str, **_: object) -> None:
        self._commands.start(id_tag)

    @on("RemoteStopTransaction")  # type: ignore[untyped-decorator]
    def on_remote_stop(self, transaction_id: int, **_: object) -> call_result.RemoteStopTransaction:
        return call_result.RemoteStopTransaction(status=_verdict(self._commands.may_stop(transaction_id)))

    @after("RemoteStopTransaction")  # type: ignore[untyped-decorator]
    def after_remote_stop(self, transaction_id: int, **_: object) -> None:
        self._commands.stop(transaction_id)


_SENDERS: Mapping[type, Callable[[Ocpp16, Any], Awaitable[None]]] = MappingProxyType(
    {
        StatusReport: Ocpp16.send_status,
        Started: Ocpp16.send_start,
        Metered: Ocpp16.send_meter_values,
        Stopped: Ocpp16.send_stop,
    }
)


def meter_value(reading: Reading) -> dict[str, Any]:
    """The reading as a MeterValue: energy and power as totals, then currents by phase or the SoC."""
    samples = [
        {"value": str(reading.register_wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
        {"value": str(reading.power_w), "measurand": "Power.Active.Import", "unit": "W"},
    ]
    for number in range(1, reading.phases + 1):
        amperes = reading.power_w / reading.phases / _MAINS_VOLTS
        samples += [
            {"value": str(_MAINS_VOLTS), "measurand": "Voltage", "unit": "V", "phase": f"L{number}-N"},
            {"value": f"{amperes:.1f}", "measurand": "Current.Import", "unit": "A", "phase": f"L{number}"},
        ]
    if reading.soc_percent is not None:
        samples.append(
            {"value": str(reading.soc_percent), "measurand": "SoC", "unit": "Percent", "location": "EV"}
        )
    return {"timestamp": _text(reading.time), "sampled_value": samples}


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _verdict(accepted: bool) -> Any:
    return "Accepted" if accepted else "Rejected"


def _is_accepted(answer: Any) -> bool:
    return bool(answer.id_tag_info["status"] == "Accepted")
