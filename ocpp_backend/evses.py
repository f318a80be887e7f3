"""Connectors by two numbers (OCPP 2.0.1: EVSE and connector) and by one (the platform, OCPP 1.6).

The first connector of EVSE n is number n. Where that number is taken, and for further connectors of an
EVSE, it is the lowest one of the station that is free. A number once given stays. So a station whose EVSEs
have one connector each is numbered by its EVSEs, and one with two per EVSE, told in order, 1, 2, 3, 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from ocpp_backend.tables import connectors, evses
from ocpp_integration.events import PLUGGED_IN


def number_of(db: Connection, station_id: str, evse_id: int, evse_connector_id: int | None) -> int:
    """The connector's number, given now if it has none. Without a connector it is the EVSE's one in use."""
    known = _of_station(db, station_id)
    ours = [row for row in known if row.evse_id == evse_id]
    if evse_connector_id is None:
        if len(ours) > 1:
            return _in_use(db, station_id, ours)
        evse_connector_id = ours[0].evse_connector_id if ours else 1
    for row in ours:
        if row.evse_connector_id == evse_connector_id:
            return int(row.connector_id)
    number = free_number(evse_id, evse_connector_id, {row.connector_id for row in known})
    place = {"evse_id": evse_id, "evse_connector_id": evse_connector_id, "connector_id": number}
    db.execute(insert(evses).values(station_id=station_id, **place))
    return number


def place_of(db: Connection, station_id: str, connector_id: int) -> tuple[int, int]:
    """EVSE and connector of a number; for one that was never told of, the first connector of that EVSE."""
    for row in _of_station(db, station_id):
        if row.connector_id == connector_id:
            return row.evse_id, row.evse_connector_id
    return connector_id, 1


def free_number(evse_id: int, evse_connector_id: int, taken: set[int]) -> int:
    """Pure: the number for a connector, given those that the station has given already."""
    if evse_connector_id == 1 and evse_id not in taken:
        return evse_id
    return next(number for number in count(1) if number not in taken)


def _of_station(db: Connection, station_id: str) -> list[Row[Any]]:
    columns = (evses.c.evse_id, evses.c.evse_connector_id, evses.c.connector_id)
    ours = select(*columns).where(evses.c.station_id == station_id)
    return list(db.execute(ours.order_by(evses.c.evse_id, evses.c.evse_connector_id)))


def _in_use(db: Connection, station_id: str, candidates: Sequence[Row[Any]]) -> int:
    numbers = [row.connector_id for row in candidates]
    occupied = select(connectors.c.connector_id).where(
        connectors.c.station_id == station_id,
        connectors.c.connector_id.in_(numbers),
        connectors.c.status.in_(PLUGGED_IN),
    )
    in_use: int | None = db.scalar(occupied.order_by(connectors.c.connector_id).limit(1))
    return numbers[0] if in_use is None else in_use
