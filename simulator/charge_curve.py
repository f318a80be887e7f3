"""How a battery takes energy: power that is piecewise linear in the energy taken so far.

Power being linear in energy makes energy exponential in time, so a session of any length is integrated
exactly, without steps, and what the register shows always equals the integral of the power shown.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

# State of charge and the share of the vehicle's greatest DC power it then takes. From the template of SAP's
# charge point simulator; not measured.
DC_TAPER = ((0.0, 1.0), (0.5, 0.85), (0.8, 0.45), (1.0, 0.05))


@dataclass(frozen=True)
class Knot:
    """Power in W once `energy_wh` has been taken."""

    energy_wh: float
    power_w: float


@dataclass(frozen=True)
class ChargeCurve:
    """From plugging in (energy 0) to the end (the last knot). Between knots power is linear in energy."""

    knots: tuple[Knot, ...]

    @property
    def energy_wh(self) -> float:
        return self.knots[-1].energy_wh

    @property
    def peak_power_w(self) -> float:
        return max(knot.power_w for knot in self.knots)

    @property
    def seconds(self) -> float:
        """Time until the last knot is reached."""
        return self._times[-1]

    def at(self, seconds: float) -> Knot:
        """Energy taken and power after `seconds` of charging; power is 0 once the end is reached."""
        if seconds >= self.seconds:
            return Knot(self.energy_wh, 0.0)
        index = bisect_right(self._times, max(seconds, 0.0)) - 1
        return _advance(self.knots[index], self.knots[index + 1], max(seconds, 0.0) - self._times[index])

    def rest_after(self, seconds: float) -> ChargeCurve:
        """What remains after `seconds` of charging, which must be less than the whole."""
        now = self.at(seconds)
        later = (knot for knot in self.knots if knot.energy_wh > now.energy_wh)
        return ChargeCurve(
            (Knot(0.0, now.power_w), *(Knot(k.energy_wh - now.energy_wh, k.power_w) for k in later))
        )

    @cached_property
    def _times(self) -> tuple[float, ...]:
        times = [0.0]
        for start, end in pairwise(self.knots):
            times.append(times[-1] + _seconds_between(start, end))
        return tuple(times)


def ac_curve(*, energy_wh: float, power_w: float) -> ChargeCurve:
    """Constant power until the battery is content, which on-board chargers nearly keep to."""
    return ChargeCurve((Knot(0.0, power_w), Knot(energy_wh, power_w)))


def dc_curve(
    *, battery_wh: float, soc_start: float, soc_end: float, station_w: float, vehicle_w: float
) -> ChargeCurve:
    """The taper of the battery, cut off at what the station can give. SoC is a share from 0 to 1."""
    socs = {soc_start, soc_end, *(soc for soc, _ in DC_TAPER if soc_start < soc < soc_end)}
    limit = _soc_where_taper_is(station_w / vehicle_w)
    if limit is not None and soc_start < limit < soc_end:
        socs.add(limit)
    return ChargeCurve(
        tuple(
            Knot((soc - soc_start) * battery_wh, min(station_w, vehicle_w * taper(soc)))
            for soc in sorted(socs)
        )
    )


def taper(soc: float) -> float:
    """Share of a vehicle's greatest DC power that it takes at `soc` (0 to 1)."""
    return _interpolate(DC_TAPER, soc)


def _soc_where_taper_is(fraction: float) -> float | None:
    falling = [(share, soc) for soc, share in reversed(DC_TAPER)]
    return _interpolate(falling, fraction) if falling[0][0] <= fraction <= falling[-1][0] else None


def _interpolate(points: Sequence[tuple[float, float]], x: float) -> float:
    for (x0, y0), (x1, y1) in pairwise(points):
        if x <= x1:
            return y0 + (y1 - y0) * (max(x, x0) - x0) / (x1 - x0)
    return points[-1][1]


def _slope(start: Knot, end: Knot) -> float:
    """W per Wh, which is per hour; 0 where power is as good as constant."""
    slope = (end.power_w - start.power_w) / (end.energy_wh - start.energy_wh)
    return slope if abs(slope) > 1e-9 else 0.0


def _seconds_between(start: Knot, end: Knot) -> float:
    if end.energy_wh <= start.energy_wh:
        return 0.0
    slope = _slope(start, end)
    hours = (
        math.log(end.power_w / start.power_w) / slope
        if slope
        else (end.energy_wh - start.energy_wh) / start.power_w
    )
    return hours * 3600


def _advance(start: Knot, end: Knot, seconds: float) -> Knot:
    hours, slope = seconds / 3600, _slope(start, end)
    if not slope:
        return Knot(start.energy_wh + start.power_w * hours, start.power_w)
    power = start.power_w * math.exp(slope * hours)
    return Knot(start.energy_wh + (power - start.power_w) / slope, power)
