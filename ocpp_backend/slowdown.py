"""Patience with those who try too often: each further try waits longer."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable

_MOST_REMEMBERED = 10_000
# Waiting holds a socket open; beyond so many nobody waits.
_MOST_WAITING = 500
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 8.0


class Slowdown:
    """`free` tries within `window` seconds pass at once; then pauses double, up to eight seconds."""

    def __init__(self, *, free: int, window: float = 60, clock: Callable[[], float] = time.monotonic):
        self._free = free
        self._window = window
        self._clock = clock
        self._tries: OrderedDict[Hashable, list[float]] = OrderedDict()
        self._waiting = 0

    def count(self, who: Hashable) -> float:
        """Note one more try; the seconds that it has to wait."""
        now = self._clock()
        recent = [at for at in self._tries.pop(who, ()) if now - at < self._window]
        self._tries[who] = [*recent[-20:], now]
        if len(self._tries) > _MOST_REMEMBERED:
            self._tries.popitem(last=False)
        surplus = len(recent) - self._free
        return 0.0 if surplus < 0 else min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0**surplus)

    async def wait(self, seconds: float, gone: Callable[[], Awaitable[object]]) -> bool:
        """Wait so long; False, and sooner, where `gone` says that nobody waits any more."""
        if not seconds or self._waiting >= _MOST_WAITING:
            return True
        self._waiting += 1
        try:
            await asyncio.wait_for(gone(), seconds)
        except TimeoutError:
            return True
        else:
            return False
        finally:
            self._waiting -= 1
