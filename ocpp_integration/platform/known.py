"""Stations as the store has them, before a list is compared with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import ChargingConnector, ChargingStation, OCPPStation, StationOwner, Tariff
from ocpp_integration.platform.listing import StationKey

PLACE_COLUMNS = ("name", "address", "city", "country", "latitude", "longitude", "is_active")
CONNECTOR_COLUMNS = ("connector_type", "power_w", "qr_code_token", "is_active", "external_id", "unit")


@dataclass(frozen=True)
class KnownConnector:
    """`fields` are the columns above and `price_per_kwh`, which is None without a tariff."""

    number: int
    fields: Mapping[str, Any]

    @property
    def external_id(self) -> str | None:
        return self.fields["external_id"]  # type: ignore[no-any-return]

    @property
    def unit(self) -> int:
        return self.fields["unit"]  # type: ignore[no-any-return]


@dataclass(frozen=True)
class KnownStation:
    """`station_id` is the OCPP id that it has, or will get when it is first synced."""

    id: UUID
    station_id: str
    source: str
    owner: str
    fields: Mapping[str, Any]
    connectors: tuple[KnownConnector, ...] = ()

    @property
    def is_active(self) -> bool:
        return bool(self.fields["is_active"])


@dataclass(frozen=True)
class Known:
    stations: tuple[KnownStation, ...] = ()
    owners: frozenset[str] = frozenset()


def read_known(store: Session) -> Known:
    connectors = _connectors(store)
    rows = store.execute(
        select(
            ChargingStation.id,
            OCPPStation.station_id,
            ChargingStation.source,
            StationOwner.name,
            *(getattr(ChargingStation, column) for column in PLACE_COLUMNS),
        )
        .join(ChargingStation.owner)
        .outerjoin(OCPPStation, OCPPStation.charging_station_id == ChargingStation.id)
        .order_by(ChargingStation.created_at, ChargingStation.id)
    )
    stations = tuple(
        KnownStation(
            id,
            station_id or StationKey(id).station_id,
            source,
            owner,
            dict(zip(PLACE_COLUMNS, fields, strict=True)),
            tuple(connectors[id]),
        )
        for id, station_id, source, owner, *fields in rows
    )
    return Known(stations, frozenset(store.scalars(select(StationOwner.name))))


def _connectors(store: Session) -> dict[UUID, list[KnownConnector]]:
    """By station, in the order of their numbers."""
    names = (*CONNECTOR_COLUMNS, "price_per_kwh")
    rows = store.execute(
        select(
            ChargingConnector.station_id,
            ChargingConnector.number,
            *(getattr(ChargingConnector, column) for column in CONNECTOR_COLUMNS),
            Tariff.price_per_kwh,
        )
        .outerjoin(ChargingConnector.tariff)
        .order_by(ChargingConnector.number)
    )
    found: dict[UUID, list[KnownConnector]] = defaultdict(list)
    for station, number, *fields in rows:
        found[station].append(KnownConnector(number, dict(zip(names, fields, strict=True))))
    return found
