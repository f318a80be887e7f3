"""Who was in which status from when to when: the intervals that availability is computed from."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import ConnectorStatusInterval, OCPPConnector, OCPPStation
from db.rollups import add_intervals, interval_facts

OFFLINE = "offline"


def record_status(
    store: Session,
    connector: OCPPConnector,
    status: str,
    at: datetime,
    error_code: str = "",
    vendor_error_code: str = "",
) -> None:
    """The connector was in `status` from `at` on, until what is known to have come next.

    Reports may come in any order. The connector's own row changes only if this is the newest one.
    """
    if connector.status_at is None or at >= connector.status_at:
        connector.status_at = at
        if status != OFFLINE:
            connector.status = status
            connector.error_code, connector.vendor_error_code = error_code, vendor_error_code
    before = _interval_at(store, connector, at)
    if before is not None and before.started_at == at:
        _rename(store, connector, before, status, error_code, vendor_error_code)
        return
    ended_at = _cut(store, connector, before, at) if before else _next_start(store, connector, at)
    interval = ConnectorStatusInterval(
        ocpp_connector_id=connector.id,
        status=status,
        error_code=error_code,
        vendor_error_code=vendor_error_code,
        started_at=at,
        ended_at=ended_at,
    )
    store.add(interval)
    store.flush()
    _sum(store, connector, interval, 1)


def went_offline(store: Session, station: OCPPStation, at: datetime) -> None:
    """All connectors of a station that fell silent at `at`."""
    for connector in station.connectors:
        before = _interval_at(store, connector, at)
        if before is not None and before.status != OFFLINE:
            record_status(store, connector, OFFLINE, at)


def came_online(store: Session, station: OCPPStation, at: datetime) -> None:
    """Back again, each connector is taken to be what it was before, until it says what it is."""
    for connector in station.connectors:
        before = _interval_at(store, connector, at)
        if before is not None and before.status == OFFLINE:
            record_status(
                store, connector, connector.status, at, connector.error_code, connector.vendor_error_code
            )


def _interval_at(store: Session, connector: OCPPConnector, at: datetime) -> ConnectorStatusInterval | None:
    return store.scalar(
        select(ConnectorStatusInterval)
        .where(
            ConnectorStatusInterval.ocpp_connector_id == connector.id,
            ConnectorStatusInterval.started_at <= at,
        )
        .order_by(ConnectorStatusInterval.started_at.desc())
        .limit(1)
    )


def _next_start(store: Session, connector: OCPPConnector, at: datetime) -> datetime | None:
    return store.scalar(
        select(ConnectorStatusInterval.started_at)
        .where(
            ConnectorStatusInterval.ocpp_connector_id == connector.id,
            ConnectorStatusInterval.started_at > at,
        )
        .order_by(ConnectorStatusInterval.started_at)
        .limit(1)
    )


def _cut(
    store: Session, connector: OCPPConnector, before: ConnectorStatusInterval, at: datetime
) -> datetime | None:
    """End `before` at `at`; returns when it would have ended."""
    _sum(store, connector, before, -1)
    ended_at, before.ended_at = before.ended_at, at
    _sum(store, connector, before, 1)
    return ended_at


def _rename(
    store: Session,
    connector: OCPPConnector,
    interval: ConnectorStatusInterval,
    status: str,
    error_code: str,
    vendor_error_code: str,
) -> None:
    _sum(store, connector, interval, -1)
    interval.status = status
    if error_code or vendor_error_code:
        interval.error_code, interval.vendor_error_code = error_code, vendor_error_code
    _sum(store, connector, interval, 1)


def _sum(store: Session, connector: OCPPConnector, interval: ConnectorStatusInterval, sign: int) -> None:
    # An open interval has no sums yet: reads add its seconds up to now themselves.
    if interval.ended_at is not None:
        facts = interval_facts(interval, connector.ocpp_station_id, connector.station.charging_station)
        add_intervals(store, [facts], sign=sign)
