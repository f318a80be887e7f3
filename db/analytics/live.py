"""How the network is at this moment, from the rows that hold the present."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import and_, or_, select
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

OCCUPIED = ("preparing", "charging", "suspended_ev", "suspended_evse", "finishing")


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
    running = and_(
        ChargingSession.ocpp_connector_id == OCPPConnector.id,
        is_running(),
    )
    shown = or_(ChargingConnector.is_active.is_not(False), ChargingSession.id.is_not(None))
    rows = store.execute(
        select(
            OCPPConnector,
            OCPPStation,
            ChargingStation,
            ChargingConnector.connector_type,
            ChargingConnector.power_w,
            ChargingSession,
        )
        .join(OCPPStation, OCPPConnector.ocpp_station_id == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .outerjoin(ChargingConnector, OCPPConnector.charging_connector_id == ChargingConnector.id)
        .outerjoin(ChargingSession, running)
        .where(OCPPStation.id.in_(scope.stations()), ChargingStation.is_active, shown)
        .order_by(
            ChargingStation.name, OCPPStation.id, OCPPConnector.connector_id, ChargingSession.start_time
        )
    )
    # Were two sessions open on a connector, the later one is the one that is charging.
    return list({row[0].id: _live_connector(row) for row in rows}.values())


def state_of(found: list[LiveConnector], newest: datetime | None) -> NetworkState:
    """Counts over connectors that were read already."""
    statuses = [connector.status for connector in found]
    charging, available = statuses.count("charging"), statuses.count("available")
    faulted, offline = statuses.count("faulted"), statuses.count("offline")
    occupied = sum(status in OCCUPIED for status in statuses) - charging
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


def _live_connector(row: Sequence[Any]) -> LiveConnector:
    connector, station, place, connector_type, rated_w, session = row
    return LiveConnector(
        pk=connector.id,
        station_pk=station.id,
        station_id=station.station_id,
        station_name=place.name,
        currency=place.currency,
        timezone=place.timezone,
        number=connector.connector_id,
        type=connector_type,
        power_w=rated_w,
        status=connector.status if station.is_online else "offline",
        since=connector.status_at if station.is_online else station.last_heartbeat,
        error_code=connector.error_code,
        vendor_error_code=connector.vendor_error_code,
        session_pk=session.id if session else None,
        transaction_id=session.transaction_id if session else None,
        session_status=session.status if session else None,
        started_at=session.start_time if session else None,
        energy_wh=session.energy_wh if session else None,
        live_power_w=session.power_w if session else None,
        cost=session.cost if session else None,
        soc_percent=session.soc_percent if session else None,
        heard_at=session.heard_at if session else None,
    )
