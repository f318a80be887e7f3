"""Which charge point is connected through which socket."""

from __future__ import annotations

import asyncio
import logging

from ocpp_backend.connection import GOING_AWAY, POLICY_VIOLATION, Connection

_log = logging.getLogger(__name__)


class Hub:
    """At most one connection per station: the newest."""

    def __init__(self) -> None:
        self._connections: dict[str, Connection] = {}

    def __len__(self) -> int:
        return len(self._connections)

    def get(self, station_id: str) -> Connection | None:
        return self._connections.get(station_id)

    async def attach(self, connection: Connection) -> None:
        """Make `connection` the station's; one that was there is closed."""
        older = self._connections.get(connection.station_id)
        self._connections[connection.station_id] = connection
        if older is not None:
            _log.warning("%s connected again; its older connection is closed", connection.station_id)
            await older.close(POLICY_VIOLATION, "replaced by a newer connection")

    def detach(self, connection: Connection) -> None:
        """Forget `connection`, unless a newer one has taken its place."""
        if self._connections.get(connection.station_id) is connection:
            del self._connections[connection.station_id]

    async def close_all(self) -> None:
        closing = [c.close(GOING_AWAY, "the central system stops") for c in self._connections.values()]
        await asyncio.gather(*closing)
