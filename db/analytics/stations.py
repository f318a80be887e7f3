"""The stations of a scope: what they are, and each one's own figures, read for all of them at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, func, select, union_all
from sqlalchemy.orm import Session

from db.analytics.kpis import availability
from db.analytics.open_intervals import Lengths
from db.analytics.outcome import DOWN_STATUSES
from db.analytics.scope import Period, Scope
from db.analytics.statements import built_once, ranges
from db.models import (
    ChargingStation,
    ConnectorStatusInterval,
    OCPPConnector,
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
    seconds = _seconds(store, scope, period, zones, now)
    return {pk: StationFigures(energy.get(pk, 0), availability(*seconds.get(pk, (0, 0)))) for pk in zones}


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


def _seconds(
    store: Session, scope: Scope, period: Period, zones: Mapping[int, str], now: datetime
) -> dict[int, Lengths]:
    """Observed and outage seconds: of the intervals that ended from the sums, and the open ones up to now."""
    found: dict[int, Lengths] = defaultdict(lambda: (0, 0))
    for pk, observed, outage in _ended_seconds(scope, period.names_of_parts).rows(store, period.told):
        found[pk] = int(observed), int(outage)
    bounds = {zone: period.bounds(zone) for zone in set(zones.values())}
    for pk, status, began in store.execute(_open_intervals(scope)):
        start, end = bounds[zones[pk]]
        length = max(0, int(min(now, end).timestamp()) - int(max(began, start).timestamp()))
        observed, outage = found[pk]
        found[pk] = observed + length, outage + (length if status in DOWN_STATUSES else 0)
    return found


@built_once
def _ended_seconds(scope: Scope, parts_of_period: tuple[str, ...]) -> Select[*tuple[Any, ...]]:
    # A part of the period at a time, as the ranking of stations does.
    parts = union_all(*(_part(scope, rows) for rows in ranges(parts_of_period))).subquery().c
    return select(parts.scope_id, func.sum(parts.observed_seconds), func.sum(parts.outage_seconds)).group_by(
        parts.scope_id
    )


def _part(scope: Scope, rows: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    metrics = (Rollup.observed_seconds, Rollup.outage_seconds)
    return (
        select(Rollup.scope_id, *(func.sum(metric).label(metric.key) for metric in metrics))
        .where(Rollup.scope == "station", Rollup.scope_id.in_(scope.stations()), rows)
        .group_by(Rollup.scope_id)
    )


def _open_intervals(scope: Scope) -> Select[int, str, datetime]:
    return (
        select(
            OCPPConnector.ocpp_station_id, ConnectorStatusInterval.status, ConnectorStatusInterval.started_at
        )
        .join(OCPPConnector, ConnectorStatusInterval.ocpp_connector_id == OCPPConnector.id)
        .where(
            ConnectorStatusInterval.ended_at.is_(None), OCPPConnector.ocpp_station_id.in_(scope.stations())
        )
    )


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
