"""What a connector's meter shows during one charge."""

from __future__ import annotations

from datetime import datetime, timedelta

from simulator.messages import Reading
from simulator.visits import Visit

_SINGLE_PHASE_WATTS = 7_400


class Meter:
    """Readings at any time from `begun`, when the register showed `register_wh`, to the unplugging."""

    def __init__(self, visit: Visit, *, begun: datetime, register_wh: int, is_dc: bool) -> None:
        self.begun = begun
        self.full = begun + timedelta(seconds=visit.curve.seconds)
        self.unplugged = begun + timedelta(seconds=visit.stay_seconds)
        self._visit = visit
        self._register_wh = register_wh
        self._is_dc = is_dc
        single_phase = visit.curve.peak_power_w <= _SINGLE_PHASE_WATTS
        self._phases = 0 if is_dc else 1 if single_phase else 3

    def at(self, moment: datetime) -> Reading:
        now = self._visit.curve.at((moment - self.begun).total_seconds())
        soc = round(100 * self._visit.soc_after(now.energy_wh)) if self._is_dc else None
        register = self._register_wh + int(now.energy_wh)
        return Reading(moment, register, round(now.power_w), self._phases, soc)
