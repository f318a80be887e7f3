"""What was read from a store, kept for a moment and shared by all who ask the same.

Streamlit's own cache keeps bytes, and makes of them an object for each that asks: of a thousand connectors
for twenty open pages that costs more than to read them. Here all get the same object, so nobody changes what
was loaded.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import update_wrapper
from threading import Lock
from typing import Any, Generic, ParamSpec, TypeVar

from dashboard import resources

_log = logging.getLogger(__name__)

_P = ParamSpec("_P")
_T = TypeVar("_T")

# Few, for they take the processor from those who look at pages.
_renewing = ThreadPoolExecutor(2, thread_name_prefix="renewing")
_all: list[Kept[Any, Any]] = []


@dataclass(eq=False)
class _Entry(Generic[_T]):
    """`came_at` is when the value came, None while it is being read for the first time."""

    value: Future[_T] = field(default_factory=Future)
    came_at: float | None = None
    is_being_renewed: bool = False


class Kept(Generic[_P, _T]):
    """A function with its results, each under the store and the arguments that it was read with.

    One thread reads, the others that ask the same meanwhile wait for it. After `ttl` seconds the next who
    asks reads anew; with `ahead` it gets the old result once more, at most another `ttl` old, and has it
    renewed in the background. What fails is not kept: all who wait get the error. At most `most` results
    are kept, those asked for last.
    """

    def __init__(
        self,
        load: Callable[_P, _T],
        *,
        ttl: float,
        most: int,
        ahead: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._load = load
        self._ttl = ttl
        self._longest = ttl * 2 if ahead else ttl
        self._most = most
        self._clock = clock
        self._lock = Lock()
        self._entries: OrderedDict[Hashable, _Entry[_T]] = OrderedDict()
        update_wrapper(self, load)
        _all.append(self)

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        key = (resources.engine(), args, *sorted(kwargs.items()))
        with self._lock:
            entry = self._entries.get(key)
            is_mine = entry is None or self._age(entry) >= self._longest
            if entry is None or is_mine:
                entry = self._entries[key] = _Entry()
            self._entries.move_to_end(key)
            while len(self._entries) > self._most:
                self._entries.popitem(last=False)
            is_to_be_renewed = self._age(entry) >= self._ttl and not entry.is_being_renewed
            entry.is_being_renewed |= is_to_be_renewed
        if is_mine:
            self._read(key, entry, args, kwargs)
        elif is_to_be_renewed:
            _renewing.submit(self._renew, key, entry, args, kwargs)
        return entry.value.result()

    def forget(self) -> None:
        """The next who asks reads anew."""
        with self._lock:
            self._entries.clear()

    def _age(self, entry: _Entry[_T]) -> float:
        return 0.0 if entry.came_at is None else self._clock() - entry.came_at

    def _read(self, key: Hashable, entry: _Entry[_T], args: Any, kwargs: Any) -> None:
        try:
            value = self._load(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - handed to every caller
            with self._lock:
                if self._entries.get(key) is entry:
                    del self._entries[key]
            entry.value.set_exception(error)
            return
        entry.came_at = self._clock()
        entry.value.set_result(value)

    def _renew(self, key: Hashable, entry: _Entry[_T], args: Any, kwargs: Any) -> None:
        """Put a new entry in the place of this one; where that fails this one serves to its end."""
        renewed: _Entry[_T] = _Entry()
        try:
            renewed.value.set_result(self._load(*args, **kwargs))
        except Exception:  # noqa: BLE001 - the boundary of a job
            _log.exception("%s could not be renewed", getattr(self._load, "__name__", self._load))
            entry.is_being_renewed = False
            return
        renewed.came_at = self._clock()
        with self._lock:
            if self._entries.get(key) is entry:
                self._entries[key] = renewed


def kept(*, ttl: float, most: int, ahead: bool = False) -> Callable[[Callable[_P, _T]], Kept[_P, _T]]:
    """Keep what the function below gives, as `Kept` says."""
    return lambda load: Kept(load, ttl=ttl, most=most, ahead=ahead)


def forget() -> None:
    """All that was read."""
    for each in _all:
        each.forget()
