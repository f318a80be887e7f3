"""The stations of a scope: what they are, and each one's own figures, read for all of them at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from db.analytics import rankings
from db.analytics.scope import Period, Scope
from db.models import (
    ChargingStation,
    OCPPStation,
    Rollup,
    StationOwner,
)


@dataclass(frozen=True)
class Station:
    """A charge point with its place. `heard_at` is its last sign of life, None where there was none."""

    pk: int
    station_id: str
    name: str
    owner: str
    address: str
    city: str
    country: str
    latitude: float | None
    longitude: float | None
    timezone: str
    is_active: bool
    is_online: bool
    heard_at: datetime | None
    vendor: str
    model: str
    firmware_version: str


@dataclass(frozen=True)
class StationFigures:
    """`energy_today_wh` of the sessions that ended today on its clock; `availability` of the period as
    `kpis.Summary` has it, None where nothing was observed.
    """

    energy_today_wh: int = 0
    availability: float | None = None


def stations(store: Session, scope: Scope) -> list[Station]:
    """Every station in scope, also those that are not active, by name."""
    rows = store.execute(
        select(OCPPStation, ChargingStation, StationOwner.name)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .join(StationOwner, ChargingStation.owner_id == StationOwner.id)
        .where(OCPPStation.id.in_(scope.stations()))
        .order_by(ChargingStation.name, OCPPStation.id)
    )
    return [_station(station, place, owner) for station, place, owner in rows]


def figures(store: Session, scope: Scope, period: Period, now: datetime) -> Mapping[int, StationFigures]:
    """Each station's figures by `ocpp_stations.id`; one without any is there too."""
    zones: dict[int, str] = {pk: zone for pk, zone in store.execute(_zones(scope))}  # noqa: C416 - rows are no pairs to mypy
    energy = _energy_today(store, scope, zones, now)
    watched = rankings.availability_of_stations(store, scope, period, now)
    availability = {each.station_pk: each.availability for each in watched}
    return {pk: StationFigures(energy.get(pk, 0), availability.get(pk)) for pk in zones}


def _zones(scope: Scope) -> Select[int, str]:
    return (
        select(OCPPStation.id, ChargingStation.timezone)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .where(OCPPStation.id.in_(scope.stations()))
    )


def _energy_today(store: Session, scope: Scope, zones: Mapping[int, str], now: datetime) -> dict[int, int]:
    today = {zone: now.astimezone(ZoneInfo(zone)).date() for zone in set(zones.values())}
    sums = (
        select(Rollup.scope_id, Rollup.bucket, func.sum(Rollup.energy_wh))
        .where(
            Rollup.scope == "station",
            Rollup.scope_id.in_(scope.stations()),
            Rollup.grain == "day",
            Rollup.bucket.in_(set(today.values())),
        )
        .group_by(Rollup.scope_id, Rollup.bucket)
    )
    return {pk: int(wh) for pk, day, wh in store.execute(sums) if day == today[zones[pk]]}


def _station(station: OCPPStation, place: ChargingStation, owner: str) -> Station:
    return Station(
        pk=station.id,
        station_id=station.station_id,
        name=place.name,
        owner=owner,
        address=place.address,
        city=place.city,
        country=place.country,
        latitude=place.latitude,
        longitude=place.longitude,
        timezone=place.timezone,
        is_active=place.is_active,
        is_online=station.is_online,
        heard_at=station.last_heartbeat,
        vendor=station.vendor,
        model=station.model,
        firmware_version=station.firmware_version,
    )
