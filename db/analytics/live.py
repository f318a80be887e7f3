"""How the network is at this moment, from the rows that hold the present."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Result, SQLColumnExpression, case, select
from sqlalchemy.orm import Session

from db.analytics.scope import Scope
from db.models import (
    ChargingConnector,
    ChargingSession,
    ChargingStation,
    OCPPConnector,
    OCPPStation,
    WebhookEvent,
)
from db.models.sessions import is_running
from db.statuses import PLUGGED_IN


@dataclass(frozen=True)
class LiveConnector:
    """One connector now, with its running session if there is one.

    `status` is a connector's, or `offline` where its station is. Power in W, energy in Wh.
    """

    pk: int
    station_pk: int
    station_id: str
    station_name: str
    currency: str
    timezone: str
    number: int
    type: str | None
    power_w: int | None
    status: str
    since: datetime | None
    error_code: str
    vendor_error_code: str
    session_pk: int | None
    transaction_id: int | None
    session_status: str | None
    started_at: datetime | None
    energy_wh: int | None
    live_power_w: int | None
    cost: Decimal | None
    soc_percent: Decimal | None
    heard_at: datetime | None


# Columns, not objects of the store: of a thousand connectors these would cost most of a refresh.
_COLUMNS: dict[str, SQLColumnExpression[Any]] = {
    "pk": OCPPConnector.id,
    "station_pk": OCPPStation.id,
    "station_id": OCPPStation.station_id,
    "station_name": ChargingStation.name,
    "currency": ChargingStation.currency,
    "timezone": ChargingStation.timezone,
    "number": OCPPConnector.connector_id,
    "type": ChargingConnector.connector_type,
    "power_w": ChargingConnector.power_w,
    "status": case((OCPPStation.is_online, OCPPConnector.status), else_="offline"),
    "since": case((OCPPStation.is_online, OCPPConnector.status_at), else_=OCPPStation.last_heartbeat),
    "error_code": OCPPConnector.error_code,
    "vendor_error_code": OCPPConnector.vendor_error_code,
}
_OF_SESSION: dict[str, SQLColumnExpression[Any]] = {
    "session_pk": ChargingSession.id,
    "transaction_id": ChargingSession.transaction_id,
    "session_status": ChargingSession.status,
    "started_at": ChargingSession.start_time,
    "energy_wh": ChargingSession.energy_wh,
    "live_power_w": ChargingSession.power_w,
    "cost": ChargingSession.cost,
    "soc_percent": ChargingSession.soc_percent,
    "heard_at": ChargingSession.heard_at,
}
_NO_SESSION: dict[str, Any] = dict.fromkeys(_OF_SESSION)


@dataclass(frozen=True)
class NetworkState:
    """Connectors by state. `newest` is when the last webhook was applied, None before the first."""

    stations: int
    connectors: int
    charging: int
    occupied: int
    available: int
    faulted: int
    offline: int
    other: int
    power_w: int
    newest: datetime | None


def connectors(store: Session, scope: Scope) -> list[LiveConnector]:
    """Every connector of the active stations in scope, by station and number.

    One that the platform no longer lists is there only while something charges at it.
    """
    running = _running(store, scope)
    rows: Result[*tuple[Any, ...]] = store.execute(
        select(
            ChargingConnector.is_active.is_not(False),
            *(column.label(name) for name, column in _COLUMNS.items()),
        )
        .select_from(OCPPConnector)
        .join(OCPPStation, OCPPConnector.ocpp_station_id == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .outerjoin(ChargingConnector, OCPPConnector.charging_connector_id == ChargingConnector.id)
        .where(OCPPStation.id.in_(scope.stations()), ChargingStation.is_active)
        .order_by(ChargingStation.name, OCPPStation.id, OCPPConnector.connector_id)
    )
    return [
        LiveConnector(**dict(zip(_COLUMNS, row, strict=True)), **running.get(row[0], _NO_SESSION))
        for is_listed, *row in rows
        if is_listed or row[0] in running
    ]


def _running(store: Session, scope: Scope) -> dict[int, dict[str, Any]]:
    """What runs at each connector; were two sessions open on one, the later is the one that is charging."""
    session = ChargingSession
    # First the few that run: joined to connectors, SQLite would look at all that ever were at each of them.
    those = select(session.id).where(is_running()).correlate(None)
    rows: Result[*tuple[Any, ...]] = store.execute(
        select(session.ocpp_connector_id, *(column.label(name) for name, column in _OF_SESSION.items()))
        .where(session.id.in_(those), session.ocpp_station_id.in_(scope.stations()))
        .order_by(session.start_time, session.id)
    )
    return {pk: dict(zip(_OF_SESSION, row, strict=True)) for pk, *row in rows if pk is not None}


def state_of(found: list[LiveConnector], newest: datetime | None) -> NetworkState:
    """Counts over connectors that were read already."""
    statuses = [connector.status for connector in found]
    charging, available = statuses.count("charging"), statuses.count("available")
    faulted, offline = statuses.count("faulted"), statuses.count("offline")
    occupied = sum(status in PLUGGED_IN for status in statuses) - charging
    return NetworkState(
        stations=len({connector.station_pk for connector in found}),
        connectors=len(found),
        charging=charging,
        occupied=occupied,
        available=available,
        faulted=faulted,
        offline=offline,
        other=len(found) - charging - occupied - available - faulted - offline,
        power_w=sum(connector.live_power_w or 0 for connector in found),
        newest=newest,
    )


def newest_event(store: Session, scope: Scope) -> datetime | None:
    """When the newest webhook of the scope's stations was received that has been applied."""
    # One short look per station along its index, however many events there are.
    newest = (
        select(WebhookEvent.received_at)
        .where(WebhookEvent.station_id == OCPPStation.station_id, WebhookEvent.state == "applied")
        .order_by(WebhookEvent.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    times = store.scalars(select(newest).where(OCPPStation.id.in_(scope.stations())))
    return max((time for time in times if time is not None), default=None)
