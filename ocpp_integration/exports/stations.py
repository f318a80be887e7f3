"""The stations, and how each is at this moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from db.analytics import live
from db.analytics.live import LiveConnector, NetworkState
from db.analytics.scope import Scope
from db.models import ChargingStation, OCPPStation
from ocpp_integration.exports.table import Table, decimal, flag, integer, kw, text, time


@dataclass(frozen=True)
class StationNow:
    station: OCPPStation
    state: NetworkState
    rated_w: int

    @property
    def place(self) -> ChargingStation:
        return self.station.charging_station


COLUMNS = (
    text("station_id", lambda row: row.station.station_id),
    text("station", lambda row: row.place.name),
    text("owner", lambda row: row.place.owner.name),
    text("address", lambda row: row.place.address),
    text("city", lambda row: row.place.city),
    text("country", lambda row: row.place.country),
    decimal("latitude", lambda row: _degrees(row.place.latitude), "°", 6),
    decimal("longitude", lambda row: _degrees(row.place.longitude), "°", 6),
    text("timezone", lambda row: row.place.timezone),
    text("currency", lambda row: row.place.currency),
    flag("is_active", lambda row: row.place.is_active),
    text("vendor", lambda row: row.station.vendor),
    text("model", lambda row: row.station.model),
    text("firmware_version", lambda row: row.station.firmware_version),
    text("status", lambda row: row.station.status),
    flag("is_online", lambda row: row.station.is_online),
    time("last_heartbeat", lambda row: row.station.last_heartbeat),
    integer("connectors", lambda row: row.state.connectors),
    integer("charging", lambda row: row.state.charging),
    integer("occupied", lambda row: row.state.occupied),
    integer("available", lambda row: row.state.available),
    integer("faulted", lambda row: row.state.faulted),
    integer("offline", lambda row: row.state.offline),
    decimal("power", lambda row: kw(row.state.power_w), "kW", 3),
    decimal("rated_power", lambda row: kw(row.rated_w), "kW", 3),
)


def table(store: Session, scope: Scope) -> Table[StationNow]:
    """By name, with the connectors of active ones by their state; `occupied` ones are not charging."""
    by_station: dict[int, list[LiveConnector]] = {}
    for connector in live.connectors(store, scope):
        by_station.setdefault(connector.station_pk, []).append(connector)
    stations = store.scalars(
        select(OCPPStation)
        .join(OCPPStation.charging_station)
        .where(OCPPStation.id.in_(scope.stations()))
        .options(joinedload(OCPPStation.charging_station).joinedload(ChargingStation.owner))
        .order_by(ChargingStation.name, OCPPStation.id)
    ).all()
    return Table(COLUMNS, [_now(station, by_station.get(station.id, ())) for station in stations])


def _now(station: OCPPStation, connectors: Sequence[LiveConnector]) -> StationNow:
    rated_w = sum(connector.power_w or 0 for connector in connectors)
    return StationNow(station, live.state_of(list(connectors), None), rated_w)


def _degrees(angle: float | None) -> Decimal | None:
    return None if angle is None else Decimal(str(angle))
