"""What is refused again and again is told rarely: who is not let in comes back every few seconds."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

_MOST_REMEMBERED = 10_000
_TELL_EVERY_SECONDS = 600.0


class Refusals:
    """Counts how often something was refused since it was told last."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._known: OrderedDict[Hashable, tuple[float, int]] = OrderedDict()

    def count(self, what: Hashable) -> int | None:
        """Note one more; how many there were since `what` was told last, this one among them. None where it
        is too early to tell it again.
        """
        now = self._clock()
        told_at, untold = self._known.pop(what, (-math.inf, 0))
        is_due = now - told_at >= _TELL_EVERY_SECONDS
        self._known[what] = (now, 0) if is_due else (told_at, untold + 1)
        if len(self._known) > _MOST_REMEMBERED:
            self._known.popitem(last=False)
        return untold + 1 if is_due else None
