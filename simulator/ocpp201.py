"""What a charging station tells its central system in OCPP 2.0.1.

A transaction begins when its driver is authorised at a plugged-in cable, and ends when it stops. Faults are
told by NotifyEvent, as a status has no error code here.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, cast

from ocpp.v201 import ChargePoint, call
from websockets.typing import Subprotocol

from simulator.answers201 import Answers201
from simulator.fleet import StopReason
from simulator.messages import (
    ConnectorStatus,
    Message,
    Metered,
    MeterShown,
    Reading,
    Started,
    StatusReport,
    Stopped,
    Transaction,
    TransactionMessage,
)
from simulator.meter_values import Context, meter_value_201
from simulator.peer import FIRMWARE, BootReason

_STATUSES: Mapping[ConnectorStatus, str] = MappingProxyType(
    {
        "Available": "Available",
        "Preparing": "Occupied",
        "Charging": "Occupied",
        "SuspendedEV": "Occupied",
        "Finishing": "Occupied",
        "Unavailable": "Unavailable",
        "Faulted": "Faulted",
    }
)
# Why a transaction ended: what triggered the event, and the reason that it gives.
_ENDS: Mapping[StopReason, tuple[str, str]] = MappingProxyType(
    {
        "DeAuthorized": ("Deauthorized", "DeAuthorized"),
        "EmergencyStop": ("AbnormalCondition", "EmergencyStop"),
        "EVDisconnected": ("EVCommunicationLost", "EVDisconnected"),
        "HardReset": ("ResetCommand", "ImmediateReset"),
        "Local": ("StopAuthorized", "Local"),
        "Other": ("AbnormalCondition", "Other"),
        "PowerLoss": ("AbnormalCondition", "PowerLoss"),
        "Reboot": ("AbnormalCondition", "Reboot"),
        "Remote": ("RemoteStop", "Remote"),
        "SoftReset": ("ResetCommand", "ImmediateReset"),
        "UnlockCommand": ("UnlockCommand", "Other"),
    }
)


class Ocpp201(Answers201, ChargePoint):  # type: ignore[misc]
    """One connection. Every request raises `OCPPError` for a CALLERROR and `TimeoutError` for no answer."""

    subprotocol = Subprotocol("ocpp2.0.1")
    assigns_ids = True

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._told_statuses: dict[int, str] = {}
        self._told_problems: set[int] = set()
        self._event_ids = itertools.count(1)

    async def boot(self, reason: BootReason = "PowerUp") -> tuple[bool, int]:
        """Whether the central system takes us, and the seconds until the next heartbeat or try."""
        station = {
            "model": self._station.model,
            "vendor_name": self._station.vendor,
            "serial_number": self._station.id.hex[:25],
            "firmware_version": FIRMWARE,
        }
        answer = await self.ask(call.BootNotification(cast(Any, station), cast(Any, reason)))
        return answer.status == "Accepted", int(answer.interval)

    async def heartbeat(self) -> None:
        await self.ask(call.Heartbeat(), unique_id=self.heartbeat_id)

    async def authorise(self, id_tag: str) -> bool:
        answer = await self.ask(call.Authorize(id_token=cast(Any, _id_token(id_tag))))
        return bool(answer.id_token_info["status"] == "Accepted")

    async def send(self, message: Message) -> None:
        await _SENDERS[type(message)](self, message)

    def tell_status_again(self, evse_id: int | None) -> None:
        self._told_statuses.clear()
        self._commands.tell_status(evse_id)

    async def send_status(self, report: StatusReport) -> None:
        status = _STATUSES[report.status]
        if report.connector_id == 0:
            return  # 2.0.1 has no status of the whole station
        if self._told_statuses.get(report.connector_id) != status:
            await self.ask(
                call.StatusNotification(
                    self.text(report.time), cast(Any, status), report.connector_id, connector_id=1
                )
            )
            self._told_statuses[report.connector_id] = status
        await self._tell_problem(report)

    async def send_start(self, message: Started) -> None:
        transaction = message.transaction
        remembers = not (transaction.is_remote and "forgets_remote_start" in self._station.quirks)
        evse = {"id": transaction.connector_id, "connector_id": 1}
        if "missing_evse" in self._station.quirks:
            del evse["connector_id"]
        answer = await self._tell(
            message,
            "Started",
            transaction.start_time,
            "RemoteStart" if transaction.is_remote else "Authorized",
            {
                "charging_state": "EVConnected",
                "remote_start_id": transaction.remote_start_id if remembers else None,
            },
            reading=Reading(transaction.start_time, transaction.meter_start, 0, 0),
            context="Transaction.Begin",
            evse=evse,
            id_token=_id_token(transaction.id_tag) if remembers else None,
        )
        info = answer.id_token_info
        transaction.refused = info is not None and info["status"] != "Accepted"
        transaction.told_state = "EVConnected"

    async def send_update(self, message: Metered) -> None:
        transaction, state = message.transaction, message.reading.charging_state
        changed = "MeterValuePeriodic" if state == transaction.told_state else "ChargingStateChanged"
        await self._tell(
            message,
            "Updated",
            message.reading.time,
            "Trigger" if message.asked_for else changed,
            {"charging_state": state},
            reading=message.reading,
            context="Trigger" if message.asked_for else "Sample.Periodic",
        )
        transaction.told_state = state

    async def send_end(self, message: Stopped) -> None:
        if message.forgotten:
            return await self.send_update(Metered(message.transaction, message.last_reading))
        trigger, reason = _ENDS[message.reason]
        state = "Idle" if message.reason == "EVDisconnected" else "EVConnected"
        await self._tell(
            message,
            "Ended",
            message.time,
            trigger,
            {"charging_state": state, "stopped_reason": None if message.again else reason},
            reading=message.last_reading,
            context="Transaction.End",
            id_token=_id_token(message.transaction.id_tag) if message.reason == "Local" else None,
        )
        return None

    async def send_shown(self, message: MeterShown) -> None:
        value = self._meter_value(message.reading, "Trigger")
        await self.ask(call.MeterValues(message.connector_id, [cast(Any, value)]))

    async def _tell(
        self,
        message: TransactionMessage,
        event_type: str,
        at: datetime,
        trigger: str,
        info: dict[str, Any],
        *,
        reading: Reading,
        context: Context,
        **more: Any,
    ) -> Any:
        transaction, quirks = message.transaction, self._station.quirks
        answer = await self.ask(
            call.TransactionEvent(
                event_type=cast(Any, event_type),
                timestamp=self.text(at),
                trigger_reason=cast(Any, trigger),
                seq_no=0 if "seq_no_zero" in quirks else transaction.told,
                transaction_info=cast(Any, {"transaction_id": _own_id(transaction), **info}),
                meter_value=[cast(Any, self._meter_value(reading, context))],
                offline=True if message.offline and "no_offline_flag" not in quirks else None,
                **more,
            )
        )
        transaction.told += 1
        return answer

    async def _tell_problem(self, report: StatusReport) -> None:
        """A fault is told when it shows, and told again as cleared when it is gone."""
        evse_id, is_wrong = report.connector_id, report.error_code != "NoError"
        if not is_wrong and evse_id not in self._told_problems:
            return
        event: dict[str, Any] = {
            "event_id": next(self._event_ids),
            "timestamp": self.text(report.time),
            "trigger": "Alerting",
            "actual_value": str(is_wrong).lower(),
            "tech_code": report.vendor_error_code,
            "tech_info": report.error_code if is_wrong else None,
            "cleared": None if is_wrong else True,
            "event_notification_type": "HardWiredNotification",
            "component": {"name": "Connector", "evse": {"id": evse_id, "connector_id": 1}},
            "variable": {"name": "Problem"},
        }
        await self.ask(call.NotifyEvent(event["timestamp"], 0, [cast(Any, event)]))
        (self._told_problems.add if is_wrong else self._told_problems.discard)(evse_id)

    def _meter_value(self, reading: Reading, context: Context) -> dict[str, Any]:
        time = self.text(reading.time)
        return meter_value_201(reading, time=time, context=context, quirks=self._station.quirks)


_SENDERS: Mapping[type, Callable[[Ocpp201, Any], Awaitable[None]]] = MappingProxyType(
    {
        StatusReport: Ocpp201.send_status,
        MeterShown: Ocpp201.send_shown,
        Started: Ocpp201.send_start,
        Metered: Ocpp201.send_update,
        Stopped: Ocpp201.send_end,
    }
)


def _id_token(id_tag: str) -> dict[str, str]:
    return {"id_token": id_tag, "type": "Central"}


def _own_id(transaction: Transaction) -> str:
    return str(transaction.transaction_id)
