"""A circuit breaker: whoever calls a backend that fails again and again is told so at once.

Five failures in a row open it for about 30 s, each time somewhat longer or shorter, so that many processes
do not come back together. Then exactly one call is let through: its success closes the breaker, its failure
opens it anew.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from threading import Lock
from typing import Protocol, TypeVar

from ocpp_integration.errors import BackendDown, BackendError

FAILURES = 5
OPEN_SECONDS = 30.0
SPREAD = 0.2
# While one call finds out, the others are asked to come back soon.
_PROBING_SECONDS = 5.0

_Result = TypeVar("_Result")


class Watcher(Protocol):
    """Told what a breaker learns, in the thread that made the call."""

    def opened(self, reason: str) -> None:
        """The backend counts as down, because of `reason`. Told again when a probe fails."""

    def answered(self, *, closed: bool) -> None:
        """The backend answered; `closed` where it counted as down before."""


class Unwatched:
    def opened(self, reason: str) -> None:
        pass

    def answered(self, *, closed: bool) -> None:
        pass


class Breaker:
    """One per process and backend; any number of threads may call."""

    def __init__(
        self,
        watcher: Watcher | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        spread: Callable[[float, float], float] = random.uniform,
    ):
        self._watcher = watcher or Unwatched()
        self._clock = clock
        self._spread = spread
        self._lock = Lock()
        self._failures = 0
        self._open_until: float | None = None
        self._is_probing = False
        # Of calls that began before the breaker last changed, the outcome is old news.
        self._generation = 0

    @property
    def is_open(self) -> bool:
        """Whether the backend counts as down; so it does during a probe."""
        with self._lock:
            return self._open_until is not None

    def call(self, work: Callable[[], _Result]) -> _Result:
        """The result of `work`. Raises `BackendDown` without calling it while the breaker is open."""
        generation = self._admit()
        try:
            result = work()
        except BackendError as error:
            if error.is_outage:
                self._failed(generation, str(error))
            else:
                self._succeeded(generation)
            raise
        except BaseException as error:
            # Whatever ended the probe, the next call must be one.
            self._failed(generation, str(error) or type(error).__name__)
            raise
        self._succeeded(generation)
        return result

    def _admit(self) -> int:
        with self._lock:
            if self._open_until is not None:
                left = self._open_until - self._clock()
                if left > 0 or self._is_probing:
                    raise BackendDown("The OCPP backend is down.", max(left, _PROBING_SECONDS))
                self._is_probing = True
            return self._generation

    def _failed(self, generation: int, reason: str) -> None:
        with self._lock:
            if generation != self._generation:
                return
            self._failures += 1
            if self._failures < FAILURES and not self._is_probing:
                return
            self._change(self._clock() + OPEN_SECONDS * self._spread(1 - SPREAD, 1 + SPREAD))
        self._watcher.opened(reason)

    def _succeeded(self, generation: int) -> None:
        with self._lock:
            if generation != self._generation:
                return
            self._failures = 0
            closed = self._open_until is not None
            if closed:
                self._change(None)
        self._watcher.answered(closed=closed)

    def _change(self, open_until: float | None) -> None:
        self._open_until = open_until
        self._failures, self._is_probing = 0, False
        self._generation += 1
