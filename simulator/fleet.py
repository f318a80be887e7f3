"""The fleet that is played: what `fleet.toml` says, checked when it is read and never changed after."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

DEFAULT_FLEET = Path(__file__).with_name("fleet.toml")

ConnectorType = Literal["type2", "ccs2", "chademo"]
Place = Literal["workplace", "public", "highway"]
OutageStatus = Literal["faulted", "unavailable", "offline"]
ErrorCode = Literal[
    "ConnectorLockFailure",
    "EVCommunicationError",
    "GroundFailure",
    "HighTemperature",
    "InternalError",
    "LocalListConflict",
    "NoError",
    "OtherError",
    "OverCurrentFailure",
    "OverVoltage",
    "PowerMeterFailure",
    "PowerSwitchFailure",
    "ReaderFailure",
    "ResetFailure",
    "UnderVoltage",
    "WeakSignal",
]
StopReason = Literal[
    "EmergencyStop",
    "EVDisconnected",
    "HardReset",
    "Local",
    "Other",
    "PowerLoss",
    "Reboot",
    "Remote",
    "SoftReset",
    "UnlockCommand",
    "DeAuthorized",
]
OcppVersion = Literal["1.6", "2.0.1"]
Quirk = Literal[
    "boots_on_reconnect",
    "quiet_on_reconnect",
    "repeats_message_ids",
    "stop_twice",
    "never_stops",
    "remote_as_local",
    "late_meter_values",
    "kwh_strings",
    "wh_labelled_kwh",
    "signed_values",
    "missing_evse",
    "forgets_remote_start",
    "no_offline_flag",
    "seq_no_zero",
]
_ONLY_IN_201 = {"missing_evse", "forgets_remote_start", "no_offline_flag", "seq_no_zero"}
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Hours = Annotated[
    tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], ...], Field(min_length=24, max_length=24)
]
CiString20 = Annotated[str, Field(min_length=1, max_length=20)]  # OCPP's limit for vendor and model


class FleetError(Exception):
    """The fleet file cannot be used; the message names the file and every wrong entry in a line each."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Owner(_Entry):
    key: str
    name: str
    user_name: str


class Connector(_Entry):
    """One socket or cable; `power_kw` is its rating, `price_per_kwh` in ETB with VAT."""

    type: ConnectorType
    power_kw: Annotated[int, Field(gt=0, le=1000)]
    price_per_kwh: Annotated[Decimal, Field(ge=0)]

    @property
    def is_dc(self) -> bool:
        return self.type != "type2"


class ArrivalCurve(_Entry):
    """Weights of the 24 local hours, and how busy a weekend day is against a weekday."""

    weekday: Hours
    weekend: Hours
    weekend_factor: Positive

    @model_validator(mode="after")
    def _cars_come(self) -> ArrivalCurve:
        if not sum(self.weekday) or not sum(self.weekend):
            raise ValueError("a day has an hour in which cars come")
        return self


class Station(_Entry):
    """`id` is the platform's, `station_id` the one under which the charge point connects.

    `clock_skew` is by how many seconds its clock is ahead of time (behind where negative).
    """

    id: UUID
    name: str
    owner: str
    address: str
    city: str
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    vendor: CiString20
    model: CiString20
    place: Place
    sessions_per_day: Positive
    connectors: Annotated[tuple[Connector, ...], Field(min_length=1)]
    trouble: Positive = 1.0
    ocpp: OcppVersion = "1.6"
    quirks: frozenset[Quirk] = frozenset()
    clock_skew: Annotated[float, Field(ge=-86_400, le=86_400)] = 0.0

    @model_validator(mode="after")
    def _quirks_are_its_versions(self) -> Station:
        foreign = self.quirks & _ONLY_IN_201 if self.ocpp == "1.6" else set()
        if foreign:
            raise ValueError(f"no quirks of OCPP 1.6: {', '.join(sorted(foreign))}")
        if {"boots_on_reconnect", "quiet_on_reconnect"} <= self.quirks:
            raise ValueError("a charge point that boots at each connection is not quiet")
        return self

    @property
    def numbered_connectors(self) -> tuple[tuple[int, Connector], ...]:
        """Connectors with their OCPP number, which is their place in the list: 1, 2, 3..."""
        return tuple(enumerate(self.connectors, start=1))

    @property
    def station_id(self) -> str:
        return f"STATION_{self.id}"


class Vehicle(_Entry):
    """What a car's battery holds (kWh) and takes (kW); type2 fits every one of them."""

    name: str
    battery_kwh: Positive
    ac_kw: Positive
    dc_kw: Positive
    plug: ConnectorType
    weight: Positive = 1.0


class Failure(_Entry):
    """How a session can fail: the connector's error, and the reason its transaction ends with."""

    error_code: ErrorCode
    stop_reason: StopReason
    vendor_error_code: str | None = None
    weight: Positive = 1.0


class Outage(_Entry):
    """A kind of outage: `per_day` for each connector or station, median `minutes`, lognormal `spread`."""

    scope: Literal["connector", "station"]
    status: OutageStatus
    error_code: ErrorCode
    per_day: Positive
    minutes: Positive
    spread: Positive
    vendor_error_code: str | None = None


class Fleet(_Entry):
    """Everything the simulator plays. `failed_sessions` is a share; a driver's id is also the id tag."""

    drivers: Annotated[int, Field(gt=0, le=99_999)]
    failed_sessions: Annotated[float, Field(ge=0, le=1)]
    owners: Annotated[tuple[Owner, ...], Field(min_length=1)]
    stations: Annotated[tuple[Station, ...], Field(min_length=1)]
    vehicles: Annotated[tuple[Vehicle, ...], Field(min_length=1)]
    failures: Annotated[tuple[Failure, ...], Field(min_length=1)]
    outages: tuple[Outage, ...] = ()
    arrivals: dict[Place, ArrivalCurve]

    @model_validator(mode="after")
    def _references_hold(self) -> Fleet:
        keys = {owner.key for owner in self.owners}
        for station in self.stations:
            if station.owner not in keys:
                raise ValueError(f"{station.name}: no owner has the key {station.owner}")
            if station.place not in self.arrivals:
                raise ValueError(f"{station.name}: no arrival curve is given for {station.place}")
        if len({station.id for station in self.stations}) < len(self.stations):
            raise ValueError("two stations have the same id")
        served = {vehicle.plug for vehicle in self.vehicles} | {"type2"}
        offered = {connector.type for station in self.stations for connector in station.connectors}
        if offered - served:
            raise ValueError(f"no vehicle uses {', '.join(sorted(offered - served))}")
        return self

    def first(self, count: int) -> Fleet:
        """The same fleet with its first `count` stations only."""
        return self.model_copy(update={"stations": self.stations[:count]})

    def busier(self, *, traffic: float, trouble: float) -> Fleet:
        """The same fleet with so many times the cars, and so many times the outages."""
        stations = [_times(station, "sessions_per_day", traffic) for station in self.stations]
        outages = [_times(outage, "per_day", trouble) for outage in self.outages]
        return self.model_copy(update={"stations": tuple(stations), "outages": tuple(outages)})

    def curve_of(self, station: Station) -> ArrivalCurve:
        return self.arrivals[station.place]


E = TypeVar("E", bound=_Entry)


def _times(entry: E, name: str, factor: float) -> E:
    return entry.model_copy(update={name: getattr(entry, name) * factor})


def load_fleet(path: Path = DEFAULT_FLEET) -> Fleet:
    """The fleet in the TOML file at `path`. Raises `FleetError`."""
    try:
        return Fleet.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FleetError(f"{path} cannot be read: {error}") from error
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc'])) or 'fleet'}: {e['msg']}" for e in error.errors()]
        raise FleetError(f"Wrong fleet in {path}:\n  " + "\n  ".join(lines)) from error


def driver_id(number: int) -> str:
    """The id, and id tag, of the driver with this number: `DRIVER-00042`."""
    return f"DRIVER-{number:05d}"
