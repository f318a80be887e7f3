"""Who was in which status from when to when: the intervals that availability is computed from."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from db.models import ConnectorStatusInterval, OCPPConnector, OCPPStation
from db.rollups import add_intervals, interval_facts

OFFLINE = "offline"
_NEXT = timedelta(microseconds=1)


def record_status(
    store: Session,
    connector: OCPPConnector,
    status: str,
    at: datetime,
    error_code: str | None = None,
    vendor_error_code: str | None = None,
) -> None:
    """The connector was in `status` from `at` on, until what is known to have come next.

    Reports may come in any order. The connector's own row changes only if this is the newest one. An
    error code of None was not told: another report of the same status and instant may have told it.
    """
    if connector.status_at == at:
        _correct(connector, status, error_code, vendor_error_code)
    elif connector.status_at is None or at > connector.status_at:
        connector.status_at, connector.status = at, status
        connector.error_code, connector.vendor_error_code = error_code or "", vendor_error_code or ""
    _insert(store, connector, status, at, error_code, vendor_error_code)


def went_offline(store: Session, station: OCPPStation, at: datetime) -> None:
    """All connectors of a station that fell silent at `at`."""
    for connector in station.connectors:
        newest = _newest(store, connector)
        if newest is not None and newest.status != OFFLINE:
            _insert(store, connector, OFFLINE, _following(newest, at))


def came_online(store: Session, station: OCPPStation, at: datetime) -> None:
    """Back again, each connector is taken to be what it was before, until it says what it is."""
    for connector in station.connectors:
        newest = _newest(store, connector)
        if newest is not None and newest.status == OFFLINE:
            before = _newest(store, connector, ConnectorStatusInterval.status != OFFLINE) or connector
            _insert(
                store,
                connector,
                before.status,
                _following(newest, at),
                before.error_code,
                before.vendor_error_code,
            )


def _following(newest: ConnectorStatusInterval, at: datetime) -> datetime:
    # A connector's own clock may be ahead of the clock by which its station fell silent or came back.
    return max(at, newest.started_at + _NEXT)


def _correct(
    row: OCPPConnector | ConnectorStatusInterval,
    status: str,
    error_code: str | None,
    vendor_error_code: str | None,
) -> None:
    """Of two reports at one instant the one that came later counts: nothing else tells their order."""
    if status != row.status or error_code is not None:
        row.error_code = error_code or ""
    if status != row.status or vendor_error_code is not None:
        row.vendor_error_code = vendor_error_code or ""
    row.status = status


def _insert(
    store: Session,
    connector: OCPPConnector,
    status: str,
    at: datetime,
    error_code: str | None = None,
    vendor_error_code: str | None = None,
) -> None:
    before = _newest(store, connector, ConnectorStatusInterval.started_at <= at)
    if before is not None and before.started_at == at:
        _sum(store, connector, before, -1)
        _correct(before, status, error_code, vendor_error_code)
        _sum(store, connector, before, 1)
        return
    ended_at = _cut(store, connector, before, at) if before else _next_start(store, connector, at)
    interval = ConnectorStatusInterval(
        ocpp_connector_id=connector.id,
        status=status,
        error_code=error_code or "",
        vendor_error_code=vendor_error_code or "",
        started_at=at,
        ended_at=ended_at,
    )
    store.add(interval)
    store.flush()
    _sum(store, connector, interval, 1)


def _newest(
    store: Session, connector: OCPPConnector, *conditions: ColumnElement[bool]
) -> ConnectorStatusInterval | None:
    return store.scalar(
        select(ConnectorStatusInterval)
        .where(ConnectorStatusInterval.ocpp_connector_id == connector.id, *conditions)
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


def _sum(store: Session, connector: OCPPConnector, interval: ConnectorStatusInterval, sign: int) -> None:
    # An open interval has no sums yet: reads add its seconds up to now themselves.
    if interval.ended_at is not None:
        facts = interval_facts(interval, connector.ocpp_station_id, connector.station.charging_station)
        add_intervals(store, [facts], sign=sign)
