"""What happens because time passes: silence, starts that do not come, stops that got lost."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from ocpp_backend import endings, frame_log, frame_months, orders, outbox, stations
from ocpp_backend.clock import Clock
from ocpp_backend.presence import Presence
from ocpp_backend.store import Store

_log = logging.getLogger(__name__)

_TICK_SECONDS = 1.0
# For a stop that follows the status of a free connector, and for a transaction to go on after a boot.
FREED_PATIENCE = timedelta(seconds=60)
RESUME_PATIENCE = timedelta(minutes=15)
KEEP_DELIVERED = timedelta(hours=1)
_STEPS_OF_PRUNING = 10
_LOOKS_BETWEEN_MONTHS = 3600


@dataclass(frozen=True)
class Watch:
    store: Store
    presence: Presence
    clock: Clock
    offline_after: timedelta
    connection_timeout: timedelta
    stuck_after: timedelta
    keep_frames: timedelta
    most_frames: int

    async def run(self) -> None:
        """Look once a second, until cancelled. A look that fails is logged and made again."""
        for number in itertools.count():
            for look in (self.silence, self.deadlines, self.save_last_seen, self.prune):
                await _logged(look)
            if number % _LOOKS_BETWEEN_MONTHS == 0:
                await _logged(self.keep_months)
            await asyncio.sleep(_TICK_SECONDS)

    async def silence(self) -> None:
        """Stations of which nothing was heard for too long are offline since they were last heard."""
        now = self.clock()
        silent = self.presence.take_silent(now, self.offline_after)
        if not silent:
            return
        try:
            await self.store.write(lambda db: _all_went_offline(db, silent, now))
        except Exception:
            self.presence.give_back(silent)
            raise

    async def deadlines(self) -> None:
        now = self.clock()
        await self.store.write(lambda db: orders.expire_pending(db, now, self.connection_timeout))
        await self.store.write(
            lambda db: endings.close_doubted(
                db, now, freed_since=FREED_PATIENCE, booted_since=RESUME_PATIENCE
            )
        )
        await self.store.write(lambda db: endings.close_lost(db, now, self.stuck_after))

    async def save_last_seen(self) -> None:
        if seen := self.presence.take_unsaved():
            await self.store.write(lambda db: stations.save_last_seen(db, seen))

    async def prune(self) -> None:
        now = self.clock()
        await self.store.write(lambda db: outbox.prune(db, now, KEEP_DELIVERED))
        for _ in range(_STEPS_OF_PRUNING):
            # Each step is a commit of its own, so that messages get their turn in between.
            if not await self.store.write(self._prune_frames):
                return

    async def keep_months(self) -> None:
        await self.store.write(lambda db: frame_months.keep(db, self.clock(), self.keep_frames))

    def _prune_frames(self, db: Connection) -> int:
        return frame_log.prune(db, self.clock(), self.keep_frames, self.most_frames)


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
