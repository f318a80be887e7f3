"""How much use is made of connectors: the metrics of the Atlas charging-use specification. Pure.

Times are sums over connectors, and all rates are over the *open time*: connectors times the hours in which
they are open. A rate of several connectors is the rate of their sums, never the mean of their rates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from db.analytics.spans import Span, all_at_once, intersection, total


@dataclass(frozen=True)
class Use:
    """`occupied`: plugged in; `charging`: energy flowed; `open`: all connectors' open time.

    `deliverable_wh` is what the connectors would have delivered in it at their rated power, None where the
    rating of one is not known.
    """

    occupied: timedelta
    charging: timedelta
    open: timedelta
    energy_wh: int = 0
    deliverable_wh: int | None = None

    @property
    def idle(self) -> timedelta:
        """Plugged in without charging."""
        return self.occupied - self.charging

    @property
    def occupied_share(self) -> float | None:
        """Occupied utilisation."""
        return self._share(self.occupied)

    @property
    def charging_share(self) -> float | None:
        """Station utilisation, as Atlas calls it."""
        return self._share(self.charging)

    @property
    def idle_share(self) -> float | None:
        """Idle utilisation."""
        return self._share(self.idle)

    @property
    def capacity_factor(self) -> float | None:
        """Energy delivered, of what could have been."""
        return self.energy_wh / self.deliverable_wh if self.deliverable_wh else None

    def _share(self, time: timedelta) -> float | None:
        return time / self.open if self.open else None


def deliverable_wh(rated_w: int, open_time: timedelta) -> int:
    return round(rated_w * (open_time / timedelta(hours=1)))


def site_congestion(occupied: Iterable[Iterable[Span]], opening: Sequence[Span]) -> float | None:
    """Share of a site's open time in which all of its connectors were occupied at once.

    `occupied` holds the spans of each connector, also of one that was never used.
    """
    open_time = total(opening)
    if not open_time:
        return None
    return total(intersection(all_at_once(occupied), opening)) / open_time
