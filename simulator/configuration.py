"""What the central system can read and change of a charge point's behaviour, under either version's names."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from simulator.fleet import Station

Change = Literal["Accepted", "Rejected", "ReadOnly", "Unknown"]
_DEFAULT_HEARTBEAT_SECONDS = 300


@dataclass(frozen=True)
class Variable:
    """One variable: its key in OCPP 1.6, component and name in 2.0.1, None where a version lacks it.

    `takes` says which values it may be changed to; a variable without is read-only.
    """

    key: str | None
    component: str | None
    name: str | None
    takes: Callable[[str], bool] | None = None


def _whole(least: int, most: int) -> Callable[[str], bool]:
    return lambda text: text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most


def _truth(text: str) -> bool:
    return text.lower() in ("true", "false")


HEARTBEAT = Variable("HeartbeatInterval", "OCPPCommCtrlr", "HeartbeatInterval", _whole(1, 86_400))
METER = Variable("MeterValueSampleInterval", "SampledDataCtrlr", "TxUpdatedInterval", _whole(1, 3600))
ASKS_REMOTE = Variable("AuthorizeRemoteTxRequests", "AuthCtrlr", "AuthorizeRemoteStart", _truth)
TRUSTS_OFFLINE = Variable("AllowOfflineTxForUnknownId", "AuthCtrlr", "OfflineTxForUnknownIdEnabled", _truth)
STOPS_INVALID = Variable("StopTransactionOnInvalidId", "TxCtrlr", "StopTxOnInvalidId", _truth)
CONNECTORS = Variable("NumberOfConnectors", None, None)
PROFILES = Variable("SupportedFeatureProfiles", None, None)
MOST_KEYS = Variable("GetConfigurationMaxKeys", "DeviceDataCtrlr", "ItemsPerMessage")
KEY = Variable("AuthorizationKey", "SecurityCtrlr", "BasicAuthPassword", lambda text: 16 <= len(text) <= 40)
VENDOR = Variable(None, "ChargingStation", "VendorName")
MODEL = Variable(None, "ChargingStation", "Model")

MOST_AT_ONCE = 50


class Configuration:
    """Values by variable; `changed` are those that the central system set, which outlive a restart.

    `meter_interval` is in simulated seconds, `heartbeat_interval` in real ones, as connections are real.
    """

    def __init__(
        self,
        station: Station,
        *,
        meter_interval: float,
        changed: Mapping[str, str] | None = None,
        take_key: Callable[[str], None],
    ) -> None:
        self._values: dict[Variable, str | None] = {
            HEARTBEAT: str(_DEFAULT_HEARTBEAT_SECONDS),
            METER: str(int(meter_interval)),
            ASKS_REMOTE: "false",
            TRUSTS_OFFLINE: "true",
            STOPS_INVALID: "true",
            CONNECTORS: str(len(station.connectors)),
            PROFILES: "Core,RemoteTrigger",
            MOST_KEYS: str(MOST_AT_ONCE),
            KEY: None,
            VENDOR: station.vendor,
            MODEL: station.model,
        }
        self.changed: dict[str, str] = {}
        self.heartbeat_changed = asyncio.Event()
        self._meter_interval = meter_interval
        self._take_key = take_key
        for key, value in (changed or {}).items():
            self.change(self.with_key(key), value)

    @property
    def variables(self) -> Iterable[Variable]:
        return self._values.keys()

    @property
    def heartbeat_interval(self) -> int:
        return int(str(self._values[HEARTBEAT]))

    @property
    def meter_interval(self) -> float:
        return float(self.changed.get(str(METER.key), self._meter_interval))

    def is_on(self, variable: Variable) -> bool:
        return str(self._values[variable]).lower() == "true"

    def get(self, variable: Variable) -> str | None:
        """The value; None where it may be written but not read."""
        return self._values[variable]

    def with_key(self, key: str) -> Variable | None:
        """The variable with this key of OCPP 1.6, which does not mind upper and lower case."""
        return next((v for v in self._values if v.key and v.key.lower() == key.lower()), None)

    def of_component(self, component: str, name: str) -> list[Variable]:
        """The variables of a component of OCPP 2.0.1 that have this name: one at most, or with "" all."""
        return [v for v in self._values if v.component == component and v.name and name in ("", v.name)]

    def change(self, variable: Variable | None, value: str) -> Change:
        if variable is None:
            return "Unknown"
        if variable.takes is None:
            return "ReadOnly"
        if not variable.takes(value):
            return "Rejected"
        if variable is KEY:
            self._take_key(value)
            return "Accepted"
        self._values[variable] = value
        self.changed[str(variable.key)] = value
        if variable is HEARTBEAT:
            self.heartbeat_changed.set()
        return "Accepted"

    def heartbeat_is(self, seconds: int) -> None:
        """The interval that the answer to a boot named; it counts until the next boot or change."""
        self._values[HEARTBEAT] = str(max(1, seconds))
        self.heartbeat_changed.set()
