"""The newest outages of a scope, from the statuses in which connectors were down and no others."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Integer, Select, String, bindparam, select, true
from sqlalchemy.orm import Session

from db.analytics import exclusions
from db.analytics.availability import Outage, StatusSpan, outage_of
from db.analytics.exclusions import Exclusion
from db.analytics.outages import Port
from db.analytics.outcome import DOWN_STATUSES
from db.analytics.scope import Period, Scope
from db.analytics.spans import union
from db.analytics.statements import built_once
from db.analytics.zones import SINCE, UNTIL, Zone, in_zones, is_only_zone, of_zone
from db.membership import listed
from db.models import (
    ChargingConnector,
    ChargingStation,
    ConnectorStatusInterval,
    OCPPConnector,
    OCPPStation,
    OutageExclusion,
)
from db.models.ocpp import IS_DOWN, TELLS_OF_TROUBLE
from db.prepared import Prepared

_status = ConnectorStatusInterval


class PortOutage(NamedTuple):
    port: Port
    outage: Outage


class _Down(NamedTuple):
    """A status in which a connector was down; `goes_on` where it was so just before. `is_only` as of
    `in_zones`.
    """

    goes_on: bool
    is_only: bool
    status: str
    started_at: datetime
    ended_at: datetime | None
    error_code: str
    vendor_error_code: str
    ocpp_connector_id: int


class _Run(NamedTuple):
    """The rows of one outage, the newest first."""

    rows: list[_Down]

    @property
    def began(self) -> tuple[datetime, int]:
        return self.rows[-1].started_at, self.rows[-1].ocpp_connector_id


def newest(store: Session, scope: Scope, period: Period, now: datetime, limit: int = 100) -> list[PortOutage]:
    """The outages that began in the period by their stations' clocks, the newest first, each with its whole
    length up to `now`.
    """
    found = in_zones(
        store,
        scope,
        period,
        lambda zone: _runs(store, scope, zone, now, limit),
        is_only=lambda run: run.rows[-1].is_only,
    )
    runs = [run for _, theirs in found for run in theirs]
    if len(found) > 1:
        runs = sorted(runs, key=lambda run: run.began, reverse=True)[:limit]
    if not runs:
        return []
    since = runs[-1].began[0]
    ports = _ports(store, {run.began[1] for run in runs}, since, now)
    is_excluded = any(port.is_excluded for port in ports.values())
    excluded = exclusions.within(store, scope, since, now) if is_excluded else ()
    return [_told(run, ports[run.began[1]].port, excluded, now) for run in runs]


class _Port(NamedTuple):
    """`is_excluded` where an exclusion holds at its station in the time of the outages."""

    port: Port
    is_excluded: bool


def _ports(store: Session, pks: Iterable[int], since: datetime, now: datetime) -> dict[int, _Port]:
    rows: Sequence[tuple[Any, ...]] = _PORTS.rows(
        store, {"pks": json.dumps([*pks]), "since": since, "until": now}
    )
    return {row[1]: _Port(Port(*row[1:]), row[0]) for row in rows}


def _runs(store: Session, scope: Scope, zone: Zone, now: datetime, limit: int) -> list[_Run]:
    """The newest `limit` outages that began in the zone's part of the period."""
    # Nearly every outage is one status: so many rows will do nearly always.
    rows_read, until = limit + limit // 2, min(now, zone.until)
    while True:
        told = {**zone.told, "until": until, "rows": rows_read}
        rows = [_Down._make(row) for row in _downs(scope, zone.is_only).rows(store, told)]
        runs = _grouped(rows, limit)
        if len(runs) == limit or len(rows) < rows_read:
            return [_Run(_later(store, run.rows[0], until, now) + run.rows) for run in runs]
        rows_read *= 4


def _grouped(rows: Sequence[_Down], limit: int) -> list[_Run]:
    """Rows with the newest first have all of an outage when they come to how it began."""
    runs: list[_Run] = []
    not_begun: dict[int, list[_Down]] = {}
    for row in rows:
        if row.goes_on:
            not_begun.setdefault(row.ocpp_connector_id, []).append(row)
            continue
        runs.append(_Run([*not_begun.pop(row.ocpp_connector_id, ()), row]))
        if len(runs) == limit:
            break
    return runs


def _later(store: Session, newest: _Down, until: datetime, now: datetime) -> list[_Down]:
    """How an outage that lasted beyond the period went on, the newest first."""
    rows: list[_Down] = []
    last = newest
    while last.ended_at is not None and until <= last.ended_at < now:
        found = _NEXT.rows(store, {"pk": last.ocpp_connector_id, "since": last.ended_at})
        if not found:
            break
        last = _Down._make(found[0])
        rows.insert(0, last)
    return rows


def _told(run: _Run, port: Port, excluded: Sequence[Exclusion], now: datetime) -> PortOutage:
    reports = [
        StatusSpan(status, started_at, now if ended_at is None else min(ended_at, now), code, vendor_code)
        for _, _, status, started_at, ended_at, code, vendor_code, _ in reversed(run.rows)
    ]
    if not excluded:
        return PortOutage(port, outage_of(reports, known_until=now))
    theirs = exclusions.of_connector(excluded, port.station_pk, port.connector_pk)
    return PortOutage(port, outage_of(reports, union(each.span for each in theirs), known_until=now))


def _newest_first(
    statuses: Select[*tuple[Any, ...]], is_only: ColumnElement[bool]
) -> Select[*tuple[Any, ...]]:
    """Each with whether its connector was down just before."""
    of, before = statuses.subquery().c, ConnectorStatusInterval
    goes_on = (
        select(before.id)
        .where(
            before.ended_at == of.started_at,
            before.ocpp_connector_id == of.ocpp_connector_id,
            before.status.in_(sorted(DOWN_STATUSES)),
        )
        .exists()
    )
    return select(goes_on.label("goes_on"), is_only, *of).order_by(
        of.started_at.desc(), of.ocpp_connector_id.desc()
    )


_STATUSES: Select[*tuple[Any, ...]] = select(
    _status.status,
    _status.started_at,
    _status.ended_at,
    _status.error_code,
    _status.vendor_error_code,
    _status.ocpp_connector_id,
).where(IS_DOWN)
_NEXT = Prepared(
    _newest_first(
        _STATUSES.where(_status.ocpp_connector_id == bindparam("pk"), _status.started_at == SINCE), true()
    )
)
# Outages are of few connectors, and so each is looked up once.
_PORTS: Prepared[*tuple[Any, ...]] = Prepared(
    select(
        select(OutageExclusion.id)
        .where(OutageExclusion.ocpp_station_id == OCPPStation.id, *exclusions.HOLDS)
        .exists()
        .label("is_excluded"),
        OCPPConnector.id,
        OCPPStation.id,
        ChargingStation.name,
        OCPPConnector.connector_id,
        ChargingConnector.power_w,
        ChargingStation.timezone,
        OCPPStation.station_id,
        ChargingStation.id,
    )
    .select_from(OCPPConnector)
    .join(OCPPStation, OCPPConnector.ocpp_station_id == OCPPStation.id)
    .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
    .outerjoin(ChargingConnector, OCPPConnector.charging_connector_id == ChargingConnector.id)
    .where(listed(OCPPConnector.id, bindparam("pks", type_=String)))
)


@built_once
def _downs(scope: Scope, is_only: bool) -> Select[*tuple[Any, ...]]:
    # Few connectors are looked up one by one, for all of them the order of time is followed.
    by_connector = () if scope.kind == "network" else (TELLS_OF_TROUBLE,)
    in_period = (_status.started_at >= SINCE, _status.started_at < UNTIL)
    return _newest_first(
        _STATUSES.where(*by_connector, *in_period, *of_zone(scope, is_only))
        .order_by(_status.started_at.desc(), _status.ocpp_connector_id.desc())
        .limit(bindparam("rows", type_=Integer)),
        is_only_zone(scope),
    )
