"""Simulated time: the wall clock's, or a past that runs faster until it has caught up with the wall clock."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def _wall_clock() -> datetime:
    return datetime.now(UTC)


class Clock:
    """Time begins `hours` before now and runs at `speed` until it reaches now, then at the pace of now.

    It is never ahead of the wall clock: a central system refuses timestamps from the future.
    """

    def __init__(
        self, *, speed: float = 1, hours: float = 0, wall_clock: Callable[[], datetime] = _wall_clock
    ) -> None:
        self._speed = speed
        self._wall_clock = wall_clock
        self._began = wall_clock()
        self._behind = timedelta(hours=hours)

    def now(self) -> datetime:
        """Simulated now, aware UTC."""
        wall = self._wall_clock()
        return min(wall, self._began - self._behind + (wall - self._began) * self._speed)

    async def sleep(self, seconds: float) -> None:
        """Sleep for simulated `seconds`."""
        await self.sleep_until(self.now() + timedelta(seconds=seconds))

    async def sleep_until(self, moment: datetime) -> None:
        while (left := self._real_seconds_until(moment)) > 0:
            await asyncio.sleep(left)

    async def wait(self, event: asyncio.Event, until: datetime) -> bool:
        """Wait for `event`, at most until simulated `until`. True if the event came."""
        while not event.is_set() and (left := self._real_seconds_until(until)) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await event.wait()
        return event.is_set()

    def _real_seconds_until(self, moment: datetime) -> float:
        """Too short where the clock catches up on the way: the caller looks at the time again."""
        left = (moment - self.now()).total_seconds()
        caught_up = self.now() >= self._wall_clock() - timedelta(milliseconds=1)
        return left if caught_up else max(left / self._speed, 0.001 if left > 0 else 0)
