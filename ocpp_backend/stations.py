"""Stations and their connectors in the store, and the webhooks about their state.

All functions run in a unit of work.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, func, insert, or_, select, update

from ocpp_backend import outbox
from ocpp_backend.clock import wire_time
from ocpp_backend.tables import connectors, stations
from ocpp_integration.events import OUT_OF_ORDER, PLUGGED_IN

_s = stations.c
_c = connectors.c
_TELL_HEARTBEAT_EVERY = timedelta(minutes=1)
_OCCUPIED = PLUGGED_IN | {"reserved"}


@dataclass(frozen=True)
class ConnectorState:
    """A StatusNotification of one connector; `status` in the platform's spelling."""

    connector_id: int
    status: str
    error_code: str | None
    info: str | None = None
    vendor_id: str | None = None
    vendor_error_code: str | None = None


@dataclass(frozen=True)
class Problem:
    """What is wrong with a connector, whatever its status is."""

    error_code: str
    vendor_error_code: str | None
    info: str | None


@dataclass(frozen=True)
class SyncResult:
    created: int
    updated: int
    removed: int


def station_status(own: str | None, of_connectors: Iterable[str | None]) -> str:
    """A station's status: its own where it is down as a whole, else the best of its connectors."""
    if own in OUT_OF_ORDER:
        return own
    statuses = {status or "available" for status in of_connectors} or {"available"}
    if "available" in statuses:
        return "available"
    if statuses & _OCCUPIED:
        return "occupied"
    return "unavailable" if "unavailable" in statuses else "faulted"


def sync(
    db: Connection,
    station_id: str,
    facts: Mapping[str, Any],
    its_connectors: Sequence[Mapping[str, Any]],
    now: datetime,
) -> SyncResult:
    """Create or update a station and its connectors as the platform describes them."""
    if find(db, station_id) is None:
        db.execute(insert(stations).values(station_id=station_id, created_at=now, updated_at=now, **facts))
    else:
        # What the charge point said of its make when it booted is better than what the platform thinks.
        makes = {name: func.coalesce(_s[name], facts[name]) for name in ("vendor", "model") if name in facts}
        values = {**facts, **makes, "updated_at": now}
        db.execute(update(stations).where(_s.station_id == station_id).values(values))
    known = {row.connector_id: row.synced for row in connectors_of(db, station_id)}
    for connector in its_connectors:
        _put_connector(db, station_id, connector["connector_id"], known, {**connector, "synced": True})
    wanted = {connector["connector_id"] for connector in its_connectors}
    gone = [number for number, synced in known.items() if synced and number not in wanted]
    db.execute(
        update(connectors).where(_c.station_id == station_id, _c.connector_id.in_(gone)).values(synced=False)
    )
    return SyncResult(len(wanted - known.keys()), len(wanted & known.keys()), len(gone))


def find(db: Connection, station_id: str) -> Row[Any] | None:
    return db.execute(select(stations).where(_s.station_id == station_id)).one_or_none()


def connectors_of(db: Connection, station_id: str) -> Sequence[Row[Any]]:
    of_station = select(connectors).where(_c.station_id == station_id)
    return db.execute(of_station.order_by(_c.connector_id)).all()


def connector(db: Connection, station_id: str, connector_id: int) -> Row[Any] | None:
    one = and_(_c.station_id == station_id, _c.connector_id == connector_id)
    return db.execute(select(connectors).where(one)).one_or_none()


def everything(db: Connection) -> list[tuple[Row[Any], list[Row[Any]]]]:
    """All stations, each with its connectors."""
    by_station: dict[str, list[Row[Any]]] = {}
    for row in db.execute(select(connectors).order_by(_c.connector_id)):
        by_station.setdefault(row.station_id, []).append(row)
    rows = db.execute(select(stations).order_by(_s.station_id))
    return [(row, by_station.get(row.station_id, [])) for row in rows]


def last_seen(db: Connection) -> dict[str, datetime | None]:
    """Every station, with the last time that anything was heard of it, as far as that was saved."""
    return dict(db.execute(select(_s.station_id, _s.last_seen)).all())


def last_seen_of_online(db: Connection) -> dict[str, datetime]:
    """Every station recorded as online, with the last time anything was heard of it."""
    online = select(_s.station_id, _s.last_seen, _s.updated_at).where(_s.is_online)
    return {row.station_id: row.last_seen or row.updated_at for row in db.execute(online)}


def save_last_seen(db: Connection, seen: Mapping[str, datetime]) -> None:
    one = update(stations).where(_s.station_id == bindparam("station"))
    rows = [{"station": station_id, "seen": at} for station_id, at in seen.items()]
    db.execute(one.values(last_seen=bindparam("seen")), rows)


def booted(db: Connection, station_id: str, identity: Mapping[str, str | None], now: datetime) -> None:
    """A charge point introduced itself: `vendor`, `model`, `firmware_version`, `serial_number`."""
    values = {"is_online": True, "last_seen": now, **identity}
    db.execute(update(stations).where(_s.station_id == station_id).values(values))
    more = {name: identity[name] for name in ("vendor", "model", "firmware_version") if identity.get(name)}
    _tell_station(db, station_id, at=now, now=now, **more)


def came_online(db: Connection, station_id: str, now: datetime) -> None:
    offline = and_(_s.station_id == station_id, _s.is_online.is_(False))
    if db.execute(update(stations).where(offline).values(is_online=True, last_seen=now)).rowcount:
        _tell_station(db, station_id, at=now, now=now)


def went_offline(db: Connection, station_id: str, last_seen: datetime, now: datetime) -> None:
    """Nothing was heard since `last_seen`, which is when the outage began."""
    online = and_(_s.station_id == station_id, _s.is_online.is_(True))
    if db.execute(update(stations).where(online).values(is_online=False, last_seen=last_seen)).rowcount:
        data = {"status": "unavailable", "is_online": False, "last_heartbeat": wire_time(last_seen)}
        outbox.append(db, "station_status", station_id, data, at=last_seen, now=now)


def heartbeat(db: Connection, station_id: str, now: datetime) -> None:
    """Tell of a heartbeat, at most once a minute."""
    due = or_(_s.heartbeat_told_at.is_(None), _s.heartbeat_told_at <= now - _TELL_HEARTBEAT_EVERY)
    told = update(stations).where(_s.station_id == station_id, due)
    if db.execute(told.values(heartbeat_told_at=now, last_seen=now)).rowcount:
        _tell_station(db, station_id, at=now, now=now)


def station_says(db: Connection, station_id: str, status: str, at: datetime, now: datetime) -> None:
    """The status of the charge point as a whole (connector 0); it says nothing of its connectors."""
    newer = or_(_s.status_time.is_(None), _s.status_time <= at)
    changed = update(stations).where(_s.station_id == station_id, newer)
    db.execute(changed.values(status=status, status_time=at))
    _tell_station(db, station_id, at=at, now=now)


def connector_says(
    db: Connection, station_id: str, state: ConnectorState, at: datetime, now: datetime
) -> bool:
    """Take a connector's status and tell of it; False where a newer one is known already."""
    known = connector(db, station_id, state.connector_id)
    late = known is not None and known.status_time is not None and at < known.status_time
    if not late:
        values = {**vars(state), "status_time": at}
        _put_connector(db, station_id, state.connector_id, {known.connector_id} if known else set(), values)
    outbox.append(db, "connector_status", station_id, vars(state), at=at, now=now)
    if late or known is None or known.status != state.status:
        data = {"connector_id": state.connector_id, "status": state.status}
        outbox.append(db, "availability_changed", station_id, data, at=at, now=now)
    return not late


def connector_has(
    db: Connection, station_id: str, connector_id: int, problem: Problem | None, at: datetime, now: datetime
) -> None:
    """Take what is wrong with a connector, or that nothing is any more, and tell of it with its status."""
    known = connector(db, station_id, connector_id)
    if known is not None and known.status_time is not None and at < known.status_time:
        return
    status = known.status if known is not None and known.status else "available"
    wrong = vars(problem) if problem is not None else {"error_code": "NoError"}
    connector_says(db, station_id, ConnectorState(connector_id, status, **wrong), at, now)


def _put_connector(
    db: Connection, station_id: str, connector_id: int, known: Iterable[int], values: Mapping[str, Any]
) -> None:
    if connector_id in known:
        one = and_(_c.station_id == station_id, _c.connector_id == connector_id)
        db.execute(update(connectors).where(one).values(**values))
    else:
        db.execute(insert(connectors).values(station_id=station_id, **values))


def _tell_station(db: Connection, station_id: str, *, at: datetime, now: datetime, **more: Any) -> None:
    station = find(db, station_id)
    status = station_status(
        station.status if station else None,
        (row.status for row in connectors_of(db, station_id) if row.synced or row.status),
    )
    data = {"status": status, "is_online": True, "last_heartbeat": wire_time(now), **more}
    outbox.append(db, "station_status", station_id, data, at=at, now=now)
