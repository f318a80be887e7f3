"""A charge point of OCPP 2.0.1 that says exactly what a test tells it to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from backend_support import Backend, ChargePoint

_TRIGGERS = {"Started": "CablePluggedIn", "Updated": "MeterValuePeriodic", "Ended": "EVDeparted"}
_INFO = {"state": "chargingState", "reason": "stoppedReason", "remote": "remoteStartId"}


def wh(value: float, at: datetime, **more: Any) -> dict[str, Any]:
    """A `meterValue` with the register; `unit`, `multiplier`, `context`, `measurand`, `phase`."""
    unit = {name: more.pop(name) for name in ("unit", "multiplier") if name in more}
    sampled = {"value": value, **more} | ({"unitOfMeasure": unit} if unit else {})
    return {"timestamp": at.isoformat(), "sampledValue": [sampled]}


class ChargePoint201(ChargePoint):
    def __init__(self, backend: Backend, station_id: str = "ST1") -> None:
        super().__init__(backend.port, station_id, ["ocpp2.0.1"])
        self._clock = backend.clock

    def __enter__(self) -> ChargePoint201:
        return self

    def boot(self) -> dict[str, Any]:
        station = {"vendorName": "ABB", "model": "Terra", "firmwareVersion": "2.0", "serialNumber": "S1"}
        return self.call("BootNotification", {"reason": "PowerUp", "chargingStation": station})

    def state(self, state: str, evse: int = 1, connector: int = 1, at: datetime | None = None) -> None:
        payload = {"evseId": evse, "connectorId": connector, "connectorStatus": state}
        self.call("StatusNotification", payload | {"timestamp": (at or self._clock()).isoformat()})

    def event(self, kind: str, transaction: str = "T1", at: datetime | None = None, **more: Any) -> Any:
        """A TransactionEvent; some of its fields have short names here, see `_INFO`, `token`, `values`."""
        info = {name: more.pop(short) for short, name in _INFO.items() if short in more}
        if "token" in more:
            more["idToken"] = {"idToken": more.pop("token"), "type": "ISO14443"}
        if "values" in more:
            more["meterValue"] = more.pop("values")
        payload = {
            "eventType": kind,
            "timestamp": (at or self._clock()).isoformat(),
            "triggerReason": _TRIGGERS[kind],
            "seqNo": 0,
            "transactionInfo": {"transactionId": transaction, **info},
            **more,
        }
        return self.call("TransactionEvent", payload)

    def start(self, transaction: str = "T1", at: datetime | None = None, **more: Any) -> Any:
        """A start with a card on EVSE 1 at 120,000 Wh."""
        at = at or self._clock()
        said = {"token": "CARD", "evse": {"id": 1, "connectorId": 1}, "values": [wh(120_000, at)], **more}
        return self.event("Started", transaction, at, **said)
