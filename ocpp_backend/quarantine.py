"""Charge points of no known station: connected, so that an admin sees them, and believed in nothing.

They are booted as Pending and told to ask again; whatever else they say is refused. Once their station is
synced they are disconnected, to come back as one of ours.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection as Database
from sqlalchemy import Row, delete, insert, select, update

from ocpp_backend.clock import Clock, wire_time
from ocpp_backend.connection import POLICY_VIOLATION, Connection
from ocpp_backend.failures import CallError, Failure
from ocpp_backend.frames import Frame
from ocpp_backend.store import Store
from ocpp_backend.tables import quarantined

_log = logging.getLogger(__name__)
_q = quarantined.c

# Anybody can connect here: neither sockets nor the log of frames may be used up.
MOST_CONNECTED = 20
_MOST_LISTED = 200
_MOST_FRAMES, _FRAMES_PER_SECOND = 300.0, 0.5
_MAX_ADDRESS = 255
_SERVICE_RESTART = 1012


class Quarantine:
    def __init__(self, store: Store, heartbeat_interval: int, clock: Clock):
        self._store = store
        self._heartbeat_interval = heartbeat_interval
        self._clock = clock
        self._connections: dict[str, Connection] = {}
        self._frames_left = _MOST_FRAMES
        self._counted_at = time.monotonic()

    def check_room(self, station_id: str) -> None:
        """Raises `Failure` where too many are here already."""
        if len(self._connections) >= MOST_CONNECTED and station_id not in self._connections:
            raise Failure(
                503, "quarantine_full", f"{MOST_CONNECTED} unknown charge points are connected already"
            )

    async def attach(self, connection: Connection, address: str) -> None:
        station_id, now = connection.station_id, self._clock()
        older = self._connections.get(station_id)
        self._connections[station_id] = connection
        if older is not None:
            await older.close(POLICY_VIOLATION, "replaced by a newer connection")
        seen = {"address": address[:_MAX_ADDRESS], "subprotocol": connection.protocol.subprotocol}
        if await self._store.write(lambda db: _put(db, station_id, seen, now)):
            _log.warning("%s from %s is quarantined: no station of this id is known", station_id, address)

    def detach(self, connection: Connection) -> None:
        if self._connections.get(connection.station_id) is connection:
            del self._connections[connection.station_id]

    def is_connected(self, station_id: str) -> bool:
        return station_id in self._connections

    async def release(self, station_id: str) -> None:
        """The station is known now: have its charge point connect again."""
        if connection := self._connections.get(station_id):
            await connection.close(_SERVICE_RESTART, "the station is known now; connect again")

    async def answer(self, station_id: str, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        if action != "BootNotification":
            raise CallError("SecurityError", "the charge point is not accepted yet")
        now = self._clock()
        await self._store.write(lambda db: _put(db, station_id, {"boot": payload}, now))
        return {
            "currentTime": wire_time(now),
            "interval": self._heartbeat_interval,
            "status": "Pending",
        }

    def record(self, frame: Frame) -> None:
        """Have `frame` logged, unless unknown charge points have sent too many of late."""
        now = time.monotonic()
        grown = self._frames_left + (now - self._counted_at) * _FRAMES_PER_SECOND
        self._frames_left, self._counted_at = min(_MOST_FRAMES, grown), now
        if self._frames_left >= 1:
            self._frames_left -= 1
            self._store.record(frame)


def everything(db: Database) -> Sequence[Row[Any]]:
    """All that are quarantined, the one seen last first."""
    return db.execute(select(quarantined).order_by(_q.last_seen.desc(), _q.station_id)).all()


def forget(db: Database, station_id: str) -> None:
    db.execute(delete(quarantined).where(_q.station_id == station_id))


def as_wire(row: Row[Any], *, connected: bool) -> dict[str, Any]:
    return {
        "station_id": row.station_id,
        "connected": connected,
        "address": row.address,
        "subprotocol": row.subprotocol,
        "boot": row.boot,
        "first_seen": wire_time(row.first_seen),
        "last_seen": wire_time(row.last_seen),
    }


def _put(db: Database, station_id: str, values: dict[str, Any], now: datetime) -> bool:
    """Note what is known of a charge point; True where it was not listed."""
    one = update(quarantined).where(_q.station_id == station_id)
    if db.execute(one.values(last_seen=now, **values)).rowcount:
        return False
    db.execute(insert(quarantined).values(station_id=station_id, first_seen=now, last_seen=now, **values))
    newest = select(_q.station_id).order_by(_q.last_seen.desc()).limit(_MOST_LISTED)
    db.execute(delete(quarantined).where(_q.station_id.not_in(newest)))
    return True
