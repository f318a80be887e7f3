"""What there was to be used, beside what was used of it, as rows behind KPIs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    String,
    Subquery,
    case,
    cast,
    exists,
    func,
    literal,
    null,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from db.analytics import capacity
from db.analytics.definitions import passing_rows
from db.analytics.definitions.sql import days, greatest, least, merged, told
from db.analytics.ended import counted, station_of
from db.analytics.scope import Period, Scope
from db.columns import UTCDateTime
from db.instants import Seconds, TimeOf
from db.models import ChargingConnector, ChargingSession, ChargingStation, OCPPConnector, OCPPStation
from db.sums import LONGEST

_Columns = tuple[str, ...]
_Rows = Select[*tuple[Any, ...]]

_KINDS: dict[str, Any] = {
    "what": String(),
    "station": String(),
    "connector": Integer(),
    "timezone": String(),
    "started_at": UTCDateTime(),
    "ended_at": UTCDateTime(),
    "rated_w": BigInteger(),
    "open_seconds": BigInteger(),
    "occupied_seconds": BigInteger(),
    "charging_seconds": BigInteger(),
    "idle_seconds": BigInteger(),
    "congested_seconds": BigInteger(),
    "energy_wh": BigInteger(),
}
_SUMMED = frozenset(name for name in _KINDS if name.endswith(("_seconds", "_wh")))


def use(store: Session, scope: Scope, period: Period, now: datetime, columns: _Columns) -> _Rows:
    """Each connector while it was open, and each session that was plugged in for some of the period."""
    there = _open(store, scope, period, now)
    known = {
        "what": literal("open"),
        **_of_connector(there),
        "rated_w": ChargingConnector.power_w,
        "open_seconds": there.c.last - there.c.first,
    }
    connectors = _connectors(select(*_filled(columns, known)), there)
    wanted = tuple(name for name in columns if name not in ("what", "rated_w", "open_seconds"))
    sessions = passing_rows.times(store, scope, period, now, wanted).order_by(None).subquery("sessions")
    charged = select(*_filled(columns, {"what": literal("session"), **_named(sessions)}))
    return _together(columns, connectors, charged)


def unused_stations(store: Session, scope: Scope, period: Period, now: datetime, columns: _Columns) -> _Rows:
    """The stations that were open and at which nobody was plugged in in the period."""
    there = _open(store, scope, period, now)
    occupied = passing_rows.times(store, scope, period, now, ("station_id",)).order_by(None).subquery()
    first, last = func.min(there.c.first), func.max(there.c.last)
    known = {
        "station": ChargingStation.name,
        "station_id": OCPPStation.station_id,
        "timezone": ChargingStation.timezone,
        "started_at": TimeOf(first),
        "ended_at": TimeOf(last),
    }
    return (
        _connectors(select(*(known[name].label(name) for name in columns)), there)
        .where(~exists().where(occupied.c.station_id == OCPPStation.station_id))
        .group_by(OCPPStation.id, ChargingStation.name, OCPPStation.station_id, ChargingStation.timezone)
        .order_by(ChargingStation.name, OCPPStation.id)
    )


def congestion(store: Session, scope: Scope, period: Period, now: datetime, columns: _Columns) -> _Rows:
    """Each site while it was open, and when all of its open connectors were occupied at once."""
    there = _open(store, scope, period, now)
    sites = (
        _connectors(
            select(
                OCPPStation.id.label("site"),
                ChargingStation.name.label("station"),
                ChargingStation.timezone,
                func.min(there.c.first).label("first"),
                func.max(there.c.last).label("last"),
                func.count().label("ports"),
                func.min(there.c.connector).label("port"),
            ),
            there,
        )
        .group_by(OCPPStation.id, ChargingStation.name, ChargingStation.timezone)
        .cte("sites")
    )
    full = _full(sites, there, station_of(scope), passing_rows.around(days(store, scope, period)))
    opened = {
        "what": literal("open"),
        **{name: sites.c[name] for name in ("station", "timezone")},
        "started_at": TimeOf(sites.c.first),
        "ended_at": TimeOf(sites.c.last),
        "open_seconds": sites.c.last - sites.c.first,
    }
    congested = {
        "what": literal("congested"),
        **{name: sites.c[name] for name in ("station", "timezone")},
        "started_at": TimeOf(full.c.first),
        "ended_at": TimeOf(full.c.last),
        "congested_seconds": full.c.last - full.c.first,
    }
    return _together(
        columns,
        select(*_filled(columns, opened)),
        select(*_filled(columns, congested)).join(full, full.c.site == sites.c.site),
    )


def _full(
    sites: CTE, there: CTE, station: ColumnElement[int], conditions: Sequence[ColumnElement[bool]]
) -> CTE:
    """When all connectors of a site were taken: (site, first, last). `station` and the conditions are of
    sessions.
    """
    start = greatest(
        Seconds(ChargingSession.start_time),
        Seconds(ChargingSession.stop_time) - int(LONGEST.total_seconds()),
    )
    # A session of an unknown connector is at the only one of its site; where there are several, at none.
    port = func.coalesce(ChargingSession.ocpp_connector_id, case((sites.c.ports == 1, sites.c.port)))
    first, last = greatest(start, sites.c.first), least(Seconds(ChargingSession.stop_time), sites.c.last)
    occupied = (
        select(sites.c.site, there.c.connector, first.label("first"), last.label("last"))
        .select_from(ChargingSession)
        .join(sites, sites.c.site == station)
        .join(there, there.c.connector == port)
        .where(counted(), *conditions, last > first)
    )
    # A connector that is not open takes nobody in either.
    shut = (
        select(sites.c.site, there.c.connector, there.c.last, sites.c.last)
        .join(OCPPConnector, OCPPConnector.id == there.c.connector)
        .join(sites, sites.c.site == OCPPConnector.ocpp_station_id)
        .where(there.c.last < sites.c.last)
    )
    taken = merged(union_all(occupied, shut).cte("taken"), "site", "connector")
    changes = union_all(
        select(taken.c.site, taken.c.first.label("at"), literal(1, Integer).label("change")),
        select(taken.c.site, taken.c.last, literal(-1, Integer)),
    ).cte("changes")
    at_once = (
        select(changes.c.site, changes.c.at, func.sum(changes.c.change).label("change"))
        .group_by(changes.c.site, changes.c.at)
        .cte("at_once")
    )
    levels = select(
        at_once.c.site,
        at_once.c.at.label("first"),
        func.lead(at_once.c.at).over(partition_by=at_once.c.site, order_by=at_once.c.at).label("last"),
        func.sum(at_once.c.change).over(partition_by=at_once.c.site, order_by=at_once.c.at).label("taken"),
    ).cte("levels")
    return (
        select(levels.c.site, levels.c.first, levels.c.last)
        .join(sites, sites.c.site == levels.c.site)
        .where(levels.c.taken == sites.c.ports, levels.c.last > levels.c.first)
        .cte("full_sites")
    )


def _open(store: Session, scope: Scope, period: Period, now: datetime) -> CTE:
    """When in the period each connector was open (`db.analytics.capacity`): connector, first, last."""
    spans = ((port.pk, *port.open_in(period, now)) for port in capacity.ports(store, scope))
    return told(store, [span for span in spans if span[1] < span[2]], "connector", "first", "last")


def _connectors(query: _Rows, there: CTE) -> _Rows:
    """Connectors that were open, with their places."""
    return (
        query.select_from(there)
        .join(OCPPConnector, OCPPConnector.id == there.c.connector)
        .join(OCPPStation, OCPPConnector.ocpp_station_id == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .outerjoin(ChargingConnector, OCPPConnector.charging_connector_id == ChargingConnector.id)
    )


def _of_connector(there: CTE) -> dict[str, Any]:
    return {
        "station": ChargingStation.name,
        "connector": OCPPConnector.connector_id,
        "timezone": ChargingStation.timezone,
        "started_at": TimeOf(there.c.first),
        "ended_at": TimeOf(there.c.last),
    }


def _named(rows: Subquery) -> dict[str, Any]:
    return dict(rows.c.items())


def _filled(columns: _Columns, known: dict[str, Any]) -> list[ColumnElement[Any]]:
    """All of `columns`: what is not known is nothing, and nothing adds nothing."""
    return [known.get(name, _nothing(name)).label(name) for name in columns]


def _nothing(name: str) -> ColumnElement[Any]:
    return cast(literal(0) if name in _SUMMED else null(), _KINDS[name])


def _together(columns: _Columns, *queries: _Rows) -> _Rows:
    rows = union_all(*queries).subquery("together")
    order = [rows.c[name] for name in ("what", "started_at", "station", "connector") if name in columns]
    return select(*(rows.c[name] for name in columns)).order_by(*order)
