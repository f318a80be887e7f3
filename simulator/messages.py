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


@dataclass
class Transaction:
    """One transaction. The central system gives its number in the answer to the start, perhaps much later."""

    key: str
    connector_id: int
    id_tag: str
    meter_start: int
    start_time: datetime
    transaction_id: int | None = None
    refused: bool = False


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


@dataclass(frozen=True)
class StatusReport:
    """State of a connector since `time`; connector 0 is the charge point itself."""

    connector_id: int
    status: ConnectorStatus
    time: datetime
    error_code: ErrorCode = "NoError"
    vendor_error_code: str | None = None


@dataclass(frozen=True)
class Started:
    transaction: Transaction
    kind: Literal["started"] = "started"


@dataclass(frozen=True)
class Metered:
    transaction: Transaction
    reading: Reading
    kind: Literal["metered"] = "metered"


@dataclass(frozen=True)
class Stopped:
    transaction: Transaction
    time: datetime
    meter_stop: int
    reason: StopReason
    kind: Literal["stopped"] = "stopped"

    @property
    def energy_wh(self) -> int:
        return self.meter_stop - self.transaction.meter_start


TransactionMessage = Started | Metered | Stopped
Message = StatusReport | TransactionMessage


def transaction_messages(messages: Iterable[Message]) -> list[TransactionMessage]:
    """Those that must reach the central system, however late."""
    return [message for message in messages if not isinstance(message, StatusReport)]
