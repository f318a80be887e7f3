"""Questions that may hang, asked so that whoever asks does not."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock, Thread
from typing import Generic, TypeVar

T = TypeVar("T")

# After so long a run is given up, and the next question begins another.
GIVEN_UP_AFTER = 30.0


class Bounded(Generic[T]):
    """Runs `work` in a thread of its own, one run at a time: who asks during a run waits for that one.

    So a store that does not answer costs one thread in 30 seconds, however many ask.
    """

    def __init__(self, name: str, work: Callable[[], T]):
        self._name = name
        self._work = work
        self._lock = Lock()
        self._run: Future[T] | None = None
        self._began = 0.0

    def begin(self) -> Future[T]:
        """The run under way, else a new one."""
        with self._lock:
            run, now = self._run, time.monotonic()
            if run is None or run.done() or now - self._began > GIVEN_UP_AFTER:
                run = self._run = Future()
                self._began = now
                Thread(target=self._fulfil, args=(run,), name=self._name, daemon=True).start()
            return run

    def _fulfil(self, run: Future[T]) -> None:
        try:
            run.set_result(self._work())
        except Exception as error:  # noqa: BLE001 - it is raised where the result is asked for
            run.set_exception(error)
