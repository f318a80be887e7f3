"""What happens because time passes: silence, starts that do not come, stops that got lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from ocpp_backend import outbox, stations, transactions
from ocpp_backend.clock import Clock
from ocpp_backend.presence import Presence
from ocpp_backend.store import Store

_log = logging.getLogger(__name__)

_TICK_SECONDS = 1.0
FREED_PATIENCE = timedelta(seconds=60)
KEEP_DELIVERED = timedelta(hours=1)


@dataclass(frozen=True)
class Watch:
    store: Store
    presence: Presence
    clock: Clock
    offline_after: timedelta
    connection_timeout: timedelta

    async def run(self) -> None:
        """Look once a second, until cancelled. A look that fails is logged and made again."""
        while True:
            for look in (self.silence, self.deadlines, self.save_last_seen, self.prune):
                await _logged(look)
            await asyncio.sleep(_TICK_SECONDS)

    async def silence(self) -> None:
        """Stations of which nothing was heard for too long are offline since they were last heard."""
        now = self.clock()
        silent = self.presence.take_silent(now, self.offline_after)
        if silent:
            await self.store.write(lambda db: _all_went_offline(db, silent, now))

    async def deadlines(self) -> None:
        now = self.clock()
        await self.store.write(lambda db: transactions.expire_pending(db, now, self.connection_timeout))
        await self.store.write(lambda db: transactions.close_freed(db, now, FREED_PATIENCE))

    async def save_last_seen(self) -> None:
        if seen := self.presence.take_unsaved():
            await self.store.write(lambda db: stations.save_last_seen(db, seen))

    async def prune(self) -> None:
        now = self.clock()
        await self.store.write(lambda db: outbox.prune(db, now, KEEP_DELIVERED))


async def _logged(look: Callable[[], Awaitable[None]]) -> None:
    try:
        await look()
    except SQLAlchemyError as error:
        _log.error("the store failed: %s", error)
    except Exception:  # noqa: BLE001 - the boundary of a job
        _log.exception("a look of the watch failed")


def _all_went_offline(db: Connection, silent: dict[str, datetime], now: datetime) -> None:
    for station_id, last_seen in silent.items():
        _log.info("%s is offline since %s", station_id, last_seen)
        stations.went_offline(db, station_id, last_seen, now)
