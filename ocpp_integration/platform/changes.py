"""The changes that a list of stations can ask for, each with its line for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from ocpp_integration.platform.sources import FILE, PLATFORM

_SOURCES = {PLATFORM: "MengedMate", FILE: "a file", "": "nobody"}


@dataclass(frozen=True)
class OwnerAdded:
    name: str

    def __str__(self) -> str:
        return f"new owner {self.name}"


@dataclass(frozen=True)
class OwnerRenamed:
    before: str
    after: str

    def __str__(self) -> str:
        return f"owner {self.before} is now called {self.after}"


@dataclass(frozen=True)
class StationAdded:
    """`ocpp_id` is set where it was set by hand; the sync makes the others."""

    id: UUID
    station_id: str
    owner: str
    source: str
    fields: Mapping[str, Any]
    ocpp_id: str | None = None

    def __str__(self) -> str:
        state = "" if self.fields.get("is_active", True) else ", not active"
        return f"{self.station_id}: new station {self.fields['name']} of {self.owner}{state}"


@dataclass(frozen=True)
class StationIdentified:
    """A station that was known by its OCPP id only gets the platform's id."""

    before: UUID
    after: UUID
    station_id: str

    def __str__(self) -> str:
        return f"{self.station_id}: takes the platform's id {self.after}"


@dataclass(frozen=True)
class StationChanged:
    """`field` is a column of `ChargingStation`, or `owner`, whose values are names."""

    id: UUID
    station_id: str
    field: str
    before: Any
    after: Any

    def __str__(self) -> str:
        if self.field == "is_active":
            return f"{self.station_id}: {'activated' if self.after else 'deactivated'}"
        if self.field == "source":
            return f"{self.station_id}: kept up by {_SOURCES[self.after]}, before by {_SOURCES[self.before]}"
        return f"{self.station_id}: {self.field} {_told(self.before)} -> {_told(self.after)}"

    @property
    def is_deactivation(self) -> bool:
        return self.field == "is_active" and not self.after


@dataclass(frozen=True)
class ConnectorAdded:
    """`fields` are columns of `ChargingConnector`, the platform's id among them, and `price_per_kwh`."""

    id: UUID
    station_id: str
    number: int
    fields: Mapping[str, Any]

    def __str__(self) -> str:
        told = [
            _WORDS[name][1](self.fields[name])
            for name in ("connector_type", "power_w", "price_per_kwh")
            if self.fields.get(name) is not None
        ]
        return f"{self.station_id} connector {self.number}: {', '.join(['added', *told])}"


@dataclass(frozen=True)
class ConnectorChanged:
    id: UUID
    station_id: str
    number: int
    field: str
    before: Any
    after: Any

    def __str__(self) -> str:
        where = f"{self.station_id} connector {self.number}"
        if self.field == "is_active":
            return f"{where}: {'activated' if self.after else 'deactivated'}"
        name, word = _WORDS[self.field]
        before, after = ("none" if value is None else word(value) for value in (self.before, self.after))
        return f"{where}: {name} {before} -> {after}"


Change = (
    OwnerAdded
    | OwnerRenamed
    | StationAdded
    | StationIdentified
    | StationChanged
    | ConnectorAdded
    | ConnectorChanged
)


def _told(value: object) -> str:
    return "none" if value is None or value == "" else str(value)


def _price(value: Decimal) -> str:
    """At least two places, more only where they are used."""
    text = f"{value:.4f}"
    return f"{text[:-2] if text.endswith('00') else text} per kWh"


_WORDS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "connector_type": ("type", str),
    "power_w": ("power", lambda watts: f"{watts / 1000:g} kW"),
    "price_per_kwh": ("price", _price),
    "qr_code_token": ("QR token", str),
    "external_id": ("platform's id", str),
    "unit": ("unit", str),
}
