"""Owners and stations: their names, what they are, what each did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select

from dashboard import resources
from dashboard.loading.kept import kept
from db.analytics import outages
from db.analytics import stations as station_figures
from db.analytics.scope import Period, Scope
from db.engine import reading
from db.models import ChargingStation, OCPPStation, StationOwner


@dataclass(frozen=True)
class Place:
    """A station as it is named in lists. Several may have one `label`: see `dashboard.stations.naming`."""

    name: str
    city: str
    timezone: str

    @property
    def label(self) -> str:
        return f"{self.name} · {self.city}" if self.city else self.name


@kept(ttl=10, most=1)
def owners() -> dict[int, str]:
    """The names of all owners by their id, for admins."""
    named = select(StationOwner.id, StationOwner.name).order_by(StationOwner.name)
    with reading(resources.engine()) as store:
        return {int(pk): str(name) for pk, name in store.execute(named)}


@kept(ttl=10, most=500)
def places(scope: Scope) -> dict[int, Place]:
    """The stations in scope by `ocpp_stations.id`, in the order of their names."""
    named = (
        select(OCPPStation.id, ChargingStation.name, ChargingStation.city, ChargingStation.timezone)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .where(OCPPStation.id.in_(scope.stations()))
        .order_by(ChargingStation.name, OCPPStation.id)
    )
    return resources.read(
        lambda store: {
            int(pk): Place(name, city, timezone) for pk, name, city, timezone in store.execute(named)
        }
    )


@kept(ttl=2, most=500)
def stations(scope: Scope) -> list[station_figures.Station]:
    """Every station in scope as it is, those that are not active among them, by name."""
    with reading(resources.engine()) as store:
        return station_figures.stations(store, scope)


@kept(ttl=15, most=500)
def figures_by_station(scope: Scope, period: Period) -> dict[int, station_figures.StationFigures]:
    now = datetime.now(UTC)
    return resources.read(lambda store: dict(station_figures.figures(store, scope, period, now)))


@kept(ttl=15, most=200)
def port_logs(scope: Scope, period: Period) -> list[outages.PortLog]:
    """What each connector was from when to when; for few stations, since a log has no end of rows."""
    now = datetime.now(UTC)
    return resources.read(lambda store: outages.logs(store, scope, period, now))
