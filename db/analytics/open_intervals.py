"""Status intervals that have not ended yet. Rollups hold the ended ones; a read adds these to them."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.analytics.outcome import DOWN_STATUSES
from db.analytics.scope import Period, Scope
from db.models import ChargingStation, ConnectorStatusInterval, OCPPConnector, OCPPStation
from db.rollups import split_by_hour

Seconds = tuple[int, int]  # observed, outage


def seconds(store: Session, scope: Scope, period: Period, now: datetime) -> Seconds:
    """Observed and outage seconds of the open intervals within `period`, up to `now`."""
    observed = outage = 0
    for status, start, end, _ in _overlaps(store, scope, period, now):
        length = int(end.timestamp()) - int(start.timestamp())
        observed += length
        outage += length if status in DOWN_STATUSES else 0
    return observed, outage


def seconds_by_day(store: Session, scope: Scope, period: Period, now: datetime) -> dict[date, Seconds]:
    """The same for each local day that has any."""
    days: dict[date, Seconds] = {}
    for status, start, end, timezone in _overlaps(store, scope, period, now):
        zone = ZoneInfo(timezone)
        for at, length in split_by_hour(start, end, timezone):
            day = at.astimezone(zone).date()
            observed, outage = days.get(day, (0, 0))
            days[day] = (observed + length, outage + (length if status in DOWN_STATUSES else 0))
    return days


def _overlaps(
    store: Session, scope: Scope, period: Period, now: datetime
) -> list[tuple[str, datetime, datetime, str]]:
    rows = store.execute(
        select(ConnectorStatusInterval.status, ConnectorStatusInterval.started_at, ChargingStation.timezone)
        .join(OCPPConnector, ConnectorStatusInterval.ocpp_connector_id == OCPPConnector.id)
        .join(OCPPStation, OCPPConnector.ocpp_station_id == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .where(
            ConnectorStatusInterval.ended_at.is_(None),
            OCPPConnector.ocpp_station_id.in_(scope.stations()),
        )
    )
    overlaps = []
    for status, started_at, timezone in rows:
        first, last = period.bounds(timezone)
        start, end = max(started_at, first), min(now, last)
        if start < end:
            overlaps.append((status, start, end, timezone))
    return overlaps
