"""Whether processes grow. Pure, but for reading how large they are."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.ocpp.process import rss_mb

# The last quarter's median may be larger than the second quarter's by this share and so many MB.
TOLERANCE, TOLERANCE_MB = 0.10, 10.0
# Young processes are still loading what they need.
_GROWN_UP_AFTER = 10.0


@dataclass
class Sizes:
    """Resident memory of each process in MB by the second in which it was read."""

    _read: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    _since: dict[int, float] = field(default_factory=dict)

    def read(self, second: float, ids: Mapping[str, int]) -> None:
        for name, process in ids.items():
            since = self._since.setdefault(process, second)
            # One that was killed just now has no size.
            with contextlib.suppress(OSError, StopIteration):
                size = rss_mb(process)
                if second - since >= _GROWN_UP_AFTER:
                    self._read.setdefault(name, []).append((second, size))

    def growth(self, seconds: float) -> dict[str, Growth]:
        return {name: _growth(sizes, seconds) for name, sizes in self._read.items()}


@dataclass(frozen=True)
class Growth:
    """Medians of the second and of the last quarter, in MB; None where too little was read."""

    second_mb: float | None
    last_mb: float | None

    @property
    def is_flat(self) -> bool:
        if self.second_mb is None or self.last_mb is None:
            return True
        return self.last_mb <= self.second_mb * (1 + TOLERANCE) + TOLERANCE_MB


def _growth(sizes: Sequence[tuple[float, float]], seconds: float) -> Growth:
    def median(first: float, last: float) -> float | None:
        within = [size for second, size in sizes if first * seconds <= second < last * seconds]
        return round(statistics.median(within), 1) if within else None

    return Growth(median(0.25, 0.5), median(0.75, 1.0))
