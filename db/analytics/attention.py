"""What of sessions wants somebody's attention; stations tell for themselves (`live`, `stations`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from db.analytics.scope import Scope
from db.models import ChargingSession, ChargingStation, OCPPConnector, OCPPStation
from db.models.sessions import has_verdict, is_running
from db.searching import count_up_to
from db.statuses import PLUGGED_IN


@dataclass(frozen=True)
class StuckSession:
    """`since` is when it was last measured or told of."""

    pk: int
    station_pk: int
    station_name: str
    since: datetime


def stuck_sessions(store: Session, scope: Scope, since: datetime, most: int) -> list[StuckSession]:
    """Running sessions of which nothing was measured or told since then, although their charge point is gone
    or their connector is not in use; the longest silent first. A car that has finished charging may say
    nothing for days while it occupies its connector.
    """
    session = ChargingSession
    # First the few that run: by station and start SQLite would look at all that ever were.
    running = select(session.id).where(is_running()).correlate(None)
    told = (session.start_time, session.power_at, session.reported_status_at)
    rows = store.execute(
        select(session.id, OCPPStation.id, ChargingStation.name, *told)
        .join(OCPPStation, session.ocpp_station_id == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .outerjoin(OCPPConnector, session.ocpp_connector_id == OCPPConnector.id)
        .where(
            session.id.in_(running),
            session.ocpp_station_id.in_(scope.stations()),
            session.start_time < since,
            or_(session.power_at.is_(None), session.power_at < since),
            or_(session.reported_status_at.is_(None), session.reported_status_at < since),
            or_(
                OCPPStation.is_online.is_(False),
                OCPPConnector.id.is_(None),
                OCPPConnector.status.not_in(PLUGGED_IN),
            ),
        )
        .order_by(session.start_time)
        .limit(most)
    )
    found = [
        StuckSession(pk, station_pk, name, max(at for at in times if at is not None))
        for pk, station_pk, name, *times in rows
    ]
    return sorted(found, key=lambda each: each.since)


def held_count(store: Session, scope: Scope, most: int) -> int:
    """How many sessions of the scope are held back, counted up to `most`."""
    held = select(ChargingSession.id).where(
        has_verdict("held"), ChargingSession.ocpp_station_id.in_(scope.stations())
    )
    return count_up_to(store, held, most)
