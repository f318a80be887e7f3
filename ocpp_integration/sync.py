"""Stations from our store to the OCPP backend: those that are not as it was last told.

One that it refuses keeps the reason, and is told again later and later, or as soon as it was changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session, contains_eager, joinedload, selectinload

from db.engine import reading, writing
from db.models import ChargingConnector, ChargingStation, OCPPConnector, OCPPStation, StationOwner, Tariff
from ocpp_integration.backend import PATIENCE, BackendClient
from ocpp_integration.errors import BackendRefused, NotFound
from ocpp_integration.tariffs import Tariffs

_LONGEST_PAUSE = timedelta(hours=1)


def stations_to_sync(store: Session, now: datetime) -> list[UUID]:
    """Active stations that are not as the backend was last told, or that it refused; not those that are to
    wait after a refusal. One that is as it was before the refusal is told again, so that this is forgotten.
    """
    connectors = selectinload(ChargingStation.connectors).joinedload(ChargingConnector.tariff)
    places = store.scalars(
        select(ChargingStation)
        .where(ChargingStation.is_active)
        .options(connectors)
        .order_by(ChargingStation.created_at, ChargingStation.id)
    ).all()
    rows = {
        row.charging_station_id: row
        for row in store.scalars(select(OCPPStation).options(joinedload(OCPPStation.charging_station)))
    }
    tariffs = Tariffs(store)
    return [place.id for place in places if _is_due(place, rows.get(place.id), tariffs, now)]


@dataclass(frozen=True)
class SyncState:
    """A station of the platform, and how its sync to the backend stands.

    `state`: synced, changed (not yet told since), refused (`error` says why), new (never told), inactive
    (not told). `again_at` is when one that was refused is told again.
    """

    place_id: UUID
    name: str
    city: str
    owner: str
    source: str
    station_id: str
    connectors: int
    state: str
    synced_at: datetime | None
    error: str
    failures: int
    again_at: datetime | None


def states(store: Session, now: datetime) -> list[SyncState]:
    """Every station of the platform by owner and name, those that the backend never heard of too."""
    connectors = selectinload(ChargingStation.connectors).joinedload(ChargingConnector.tariff)
    places = store.scalars(
        select(ChargingStation)
        .join(ChargingStation.owner)
        .options(connectors, contains_eager(ChargingStation.owner))
        .order_by(StationOwner.name, ChargingStation.name, ChargingStation.id)
    ).all()
    rows = {row.charging_station_id: row for row in store.scalars(select(OCPPStation))}
    tariffs = Tariffs(store)
    return [_state(place, rows.get(place.id), tariffs, now) for place in places]


def ask_again(store: Session) -> None:
    """Stations that were refused need not wait any longer: the next sync tells them again."""
    store.execute(update(OCPPStation).where(OCPPStation.sync_after.is_not(None)).values(sync_after=None))


def _state(place: ChargingStation, row: OCPPStation | None, tariffs: Tariffs, now: datetime) -> SyncState:
    return SyncState(
        place_id=place.id,
        name=place.name,
        city=place.city,
        owner=place.owner.name,
        source=place.source,
        station_id=row.station_id if row else "",
        connectors=sum(connector.is_active for connector in place.connectors),
        state=_word(place, row, tariffs, now),
        synced_at=row.synced_at if row else None,
        error=(row.sync_error or "") if row else "",
        failures=row.sync_failures if row else 0,
        again_at=row.sync_after if row and row.sync_after and row.sync_after > now else None,
    )


def _word(place: ChargingStation, row: OCPPStation | None, tariffs: Tariffs, now: datetime) -> str:
    if not place.is_active:
        return "inactive"
    if row is not None and row.sync_error is not None:
        return "refused"
    if row is None or row.synced_at is None:
        return "new"
    return "synced" if row.sync_digest == digest(describe(row, tariffs, now)) else "changed"


def _is_due(place: ChargingStation, row: OCPPStation | None, tariffs: Tariffs, now: datetime) -> bool:
    if row is None:
        return True
    if row.sync_digest == digest(describe(row, tariffs, now)) and row.sync_error is None:
        return False
    return row.sync_after is None or row.sync_after <= now or _changed_since(place, row.sync_failed_at)


def _changed_since(place: ChargingStation, moment: datetime | None) -> bool:
    newest = max([place.updated_at, *(connector.updated_at for connector in place.connectors)])
    return moment is not None and newest > moment


def sync_station(
    engine: Engine,
    backend: BackendClient,
    station_id: UUID,
    *,
    now: datetime,
    vendor: str | None = None,
    model: str | None = None,
    patience: float = PATIENCE,
) -> tuple[OCPPStation, dict[str, Any]]:
    """Tell the backend one station; returns its row and the answer. A refusal is noted on the row too.

    `patience` is for how many seconds further tries may begin.
    """
    with writing(engine) as store:
        row = _prepare(store, station_id, vendor, model)
        request = describe(row, Tariffs(store), now)
    try:
        answer = backend.sync_station(request, patience=patience)
    except BackendRefused as error:
        with writing(engine) as store:
            _note_refusal(store.get_one(OCPPStation, row.id), error, now)
        raise
    with writing(engine) as store:
        synced = store.get_one(OCPPStation, row.id)
        synced.synced_at, synced.sync_digest = now, digest(request)
        synced.sync_error = synced.sync_failed_at = synced.sync_after = None
        synced.sync_failures = 0
        synced.ocpp_websocket_url = str(answer.get("ocpp_websocket") or synced.ocpp_websocket_url)
    with reading(engine) as store:
        return store.get_one(OCPPStation, row.id), answer


def _note_refusal(row: OCPPStation, error: BackendRefused, now: datetime) -> None:
    row.sync_error, row.sync_failed_at = str(error), now
    if error.is_outage:
        # Not the station's fault: it is told as soon as the backend is there.
        return
    row.sync_failures += 1
    row.sync_after = now + _pause(row.sync_failures)


def _pause(failures: int) -> timedelta:
    """None after the first failure, then twice as long each time."""
    minutes = 0 if failures < 2 else 2 ** min(failures - 1, 10)
    return min(_LONGEST_PAUSE, timedelta(minutes=minutes))


def digest(request: Mapping[str, Any]) -> str:
    """Of what the backend is told of a station, its make aside, which charge points tell the backend."""
    told = {name: value for name, value in request.items() if name not in ("vendor", "model")}
    return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()


def describe(station: OCPPStation, tariffs: Tariffs, now: datetime) -> dict[str, Any]:
    """The body of the backend's sync-station request, with the prices of now."""
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
            _describe_connector(connector, tariffs.holding(connector, now), place.currency)
            for connector in place.connectors
            if connector.is_active
        ],
    }


def _describe_connector(
    connector: ChargingConnector, tariff: Tariff | None, currency: str
) -> Mapping[str, Any]:
    described: dict[str, Any] = {
        "connector_id": connector.number,
        "connector_type": connector.connector_type,
        "max_power": (connector.power_w or 0) / 1000,
    }
    if tariff is not None and tariff.document is None:
        # An addition of ours: it lets the backend estimate a cost. Of more than this it makes none.
        described |= {"price_per_kwh": str(tariff.price_per_kwh), "currency": currency}
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
