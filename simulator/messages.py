"""What a charge point has to tell its central system, in no version's words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from simulator.fleet import ErrorCode, StopReason

ConnectorStatus = Literal[
    "Available", "Preparing", "Charging", "SuspendedEV", "Finishing", "Unavailable", "Faulted"
]
ChargingState = Literal["EVConnected", "Charging", "SuspendedEV"]


@dataclass
class Transaction:
    """One transaction. `transaction_id` is None until it has one.

    In OCPP 1.6 the central system gives it, as a number, in the answer to the start, perhaps much later; in
    2.0.1 the charge point gives it itself. `told` and `told_state` are how many of its events were answered,
    and the charging state that the last of them told.
    """

    key: str
    connector_id: int
    id_tag: str
    meter_start: int
    start_time: datetime
    transaction_id: int | str | None = None
    refused: bool = False
    is_remote: bool = False
    remote_start_id: int | None = None
    told: int = 0
    told_state: ChargingState | None = None


@dataclass(frozen=True)
class Reading:
    """The meter at a time: register in Wh, power in W, SoC in percent where the vehicle tells it.

    `phases` is what the car draws on: 1 or 3, and 0 for direct current.
    """

    time: datetime
    register_wh: int
    power_w: int
    phases: int
    soc_percent: int | None = None

    @property
    def charging_state(self) -> ChargingState:
        return "Charging" if self.power_w else "SuspendedEV"


@dataclass(frozen=True)
class StatusReport:
    """State of a connector since `time`; connector 0 is the charge point itself."""

    connector_id: int
    status: ConnectorStatus
    time: datetime
    error_code: ErrorCode = "NoError"
    vendor_error_code: str | None = None


@dataclass(frozen=True)
class MeterShown:
    """What a connector's meter shows, to whoever asked for it; `transaction` where one is under way."""

    connector_id: int
    reading: Reading
    transaction: Transaction | None = None


@dataclass(frozen=True)
class Started:
    transaction: Transaction
    offline: bool = False
    kind: Literal["started"] = "started"


@dataclass(frozen=True)
class Metered:
    """A sample of the meter; `asked_for` by the central system, or else due by the clock."""

    transaction: Transaction
    reading: Reading
    asked_for: bool = False
    offline: bool = False
    kind: Literal["metered"] = "metered"


@dataclass(frozen=True)
class Stopped:
    """The end of a transaction.

    It is `forgotten` where the charge point never sends the stop, but only what the meter showed in the end,
    and `again` where it was sent before, which then left out its reason.
    """

    transaction: Transaction
    time: datetime
    meter_stop: int
    reason: StopReason
    forgotten: bool = False
    again: bool = False
    offline: bool = False
    kind: Literal["stopped"] = "stopped"

    @property
    def energy_wh(self) -> int:
        return self.meter_stop - self.transaction.meter_start

    @property
    def last_reading(self) -> Reading:
        return Reading(self.time, self.meter_stop, 0, 0)


TransactionMessage = Started | Metered | Stopped
PassingMessage = StatusReport | MeterShown
Message = PassingMessage | TransactionMessage


def transaction_messages(messages: Iterable[Message]) -> list[TransactionMessage]:
    """Those that must reach the central system, however late."""
    return [message for message in messages if not isinstance(message, PassingMessage)]
