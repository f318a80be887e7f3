"""The stations and connectors that imported sessions belong to: those known, and those first seen here."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.accounts import find_or_make_owner
from db.models import ChargingConnector, ChargingStation, OCPPConnector, OCPPStation
from ocpp_integration.errors import NotFound


@dataclass(frozen=True, slots=True)
class Connector:
    """`pk` is `ocpp_connectors.id`."""

    pk: int
    rated_power_w: int | None
    connector_type: str | None = None


@dataclass(frozen=True, slots=True)
class Station:
    """What rows and sums need to know of a station. `pk` is `ocpp_stations.id`; connectors are by number."""

    pk: int
    owner_id: int
    timezone: str
    currency: str
    connectors: dict[int, Connector] = field(default_factory=dict)


class Stations:
    """Every station of the store by its OCPP id, read once, and kept up with what is added through it."""

    def __init__(self, store: Session):
        self._store = store
        self._known = _read(store)
        self.new_stations = 0
        self.new_connectors = 0

    def __contains__(self, station_id: str) -> bool:
        return station_id in self._known

    def get(self, station_id: str) -> Station:
        """Raises `NotFound`."""
        try:
            return self._known[station_id]
        except KeyError:
            raise NotFound(f"There is no station {station_id}.") from None

    def add(self, station_id: str, *, owner_name: str, timezone: str, currency: str) -> Station:
        """A station that is not in operation: all that is known of it is its sessions."""
        owner = find_or_make_owner(self._store, owner_name)
        row = OCPPStation(
            station_id=station_id,
            charging_station=ChargingStation(
                owner=owner, name=station_id, timezone=timezone, currency=currency, is_active=False
            ),
        )
        self._store.add(row)
        self._store.flush()
        self._known[station_id] = Station(row.id, owner.id, timezone, currency)
        self.new_stations += 1
        return self._known[station_id]

    def connector(self, station_id: str, connector_id: int) -> Connector:
        """The station's connector with this number, added where it was not known. Raises `NotFound`."""
        station = self.get(station_id)
        if connector_id not in station.connectors:
            station.connectors[connector_id] = self._add_connector(station, connector_id)
        return station.connectors[connector_id]

    def _add_connector(self, station: Station, connector_id: int) -> Connector:
        place_id = self._store.get_one(OCPPStation, station.pk).charging_station_id
        described = self._store.scalar(
            select(ChargingConnector).where(
                ChargingConnector.station_id == place_id, ChargingConnector.number == connector_id
            )
        ) or ChargingConnector(station_id=place_id, number=connector_id)
        row = OCPPConnector(
            ocpp_station_id=station.pk, connector_id=connector_id, charging_connector=described
        )
        self._store.add(row)
        self._store.flush()
        self.new_connectors += 1
        return Connector(row.id, described.power_w, described.connector_type)


def _read(store: Session) -> dict[str, Station]:
    stations: dict[int, Station] = {}
    known: dict[str, Station] = {}
    for pk, station_id, owner_id, timezone, currency in store.execute(
        select(
            OCPPStation.id,
            OCPPStation.station_id,
            ChargingStation.owner_id,
            ChargingStation.timezone,
            ChargingStation.currency,
        ).join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
    ):
        known[station_id] = stations[pk] = Station(pk, owner_id, timezone, currency)
    for pk, station_pk, number, power_w, connector_type in store.execute(
        select(
            OCPPConnector.id,
            OCPPConnector.ocpp_station_id,
            OCPPConnector.connector_id,
            ChargingConnector.power_w,
            ChargingConnector.connector_type,
        ).outerjoin(ChargingConnector, OCPPConnector.charging_connector_id == ChargingConnector.id)
    ):
        stations[station_pk].connectors[number] = Connector(pk, power_w, connector_type)
    return known
