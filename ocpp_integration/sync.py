"""Stations from our store to the OCPP backend."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, or_, select
from sqlalchemy.orm import Session

from db.engine import reading, writing
from db.models import ChargingConnector, ChargingStation, OCPPConnector, OCPPStation
from ocpp_integration.backend import BackendClient
from ocpp_integration.errors import IntegrationError, NotFound


def stations_to_sync(store: Session) -> list[UUID]:
    """Active stations that changed since they were last told to the backend, or never were."""
    return list(
        store.scalars(
            select(ChargingStation.id)
            .outerjoin(OCPPStation, OCPPStation.charging_station_id == ChargingStation.id)
            .where(
                ChargingStation.is_active,
                or_(
                    OCPPStation.synced_at.is_(None),
                    OCPPStation.synced_at < ChargingStation.updated_at,
                    ChargingStation.id.in_(
                        select(ChargingConnector.station_id).where(
                            ChargingConnector.updated_at > OCPPStation.synced_at
                        )
                    ),
                ),
            )
            .order_by(ChargingStation.created_at, ChargingStation.id)
        )
    )


def sync_station(
    engine: Engine,
    backend: BackendClient,
    station_id: UUID,
    *,
    now: datetime,
    vendor: str | None = None,
    model: str | None = None,
) -> tuple[OCPPStation, dict[str, Any]]:
    """Tell the backend one station; returns its row and the answer. A failure is written on the row too."""
    with writing(engine) as store:
        row = _prepare(store, station_id, vendor, model)
        request = describe(row)
    try:
        answer = backend.sync_station(request)
    except IntegrationError as error:
        with writing(engine) as store:
            store.get_one(OCPPStation, row.id).sync_error = str(error)
        raise
    with writing(engine) as store:
        synced = store.get_one(OCPPStation, row.id)
        synced.synced_at, synced.sync_error = now, None
        synced.ocpp_websocket_url = str(answer.get("ocpp_websocket") or synced.ocpp_websocket_url)
    with reading(engine) as store:
        return store.get_one(OCPPStation, row.id), answer


def describe(station: OCPPStation) -> dict[str, Any]:
    """The body of the backend's sync-station request."""
    place = station.charging_station
    return {
        "station_id": station.station_id,
        "name": place.name,
        "latitude": place.latitude,
        "longitude": place.longitude,
        "address": ", ".join(part for part in (place.address, place.city) if part),
        "vendor": station.vendor,
        "model": station.model,
        "connectors": [
            _describe_connector(connector, place.currency)
            for connector in place.connectors
            if connector.is_active
        ],
    }


def _describe_connector(connector: ChargingConnector, currency: str) -> Mapping[str, Any]:
    described: dict[str, Any] = {
        "connector_id": connector.number,
        "connector_type": connector.connector_type,
        "max_power": (connector.power_w or 0) / 1000,
    }
    if connector.tariff is not None:
        # An addition of ours: it lets the backend estimate a cost.
        described |= {"price_per_kwh": str(connector.tariff.price_per_kwh), "currency": currency}
    return described


def _prepare(store: Session, station_id: UUID, vendor: str | None, model: str | None) -> OCPPStation:
    # Waits for a change under way: told without it, the station would count as told with it.
    place = store.get(ChargingStation, station_id, with_for_update=True)
    if place is None:
        raise NotFound(f"There is no station {station_id}.")
    row = store.scalar(select(OCPPStation).where(OCPPStation.charging_station_id == station_id))
    if row is None:
        row = OCPPStation(station_id=f"STATION_{station_id}", charging_station=place)
        store.add(row)
    row.vendor, row.model = vendor or row.vendor or "", model or row.model or ""
    add_connectors(row, place)
    store.flush()
    return row


def add_connectors(row: OCPPStation, place: ChargingStation) -> None:
    """Give the charge point a row for each connector that the platform lists."""
    known = {connector.connector_id: connector for connector in row.connectors}
    for listed in place.connectors:
        if (connector := known.get(listed.number)) is None:
            row.connectors.append(OCPPConnector(connector_id=listed.number, charging_connector=listed))
        else:
            connector.charging_connector = listed
