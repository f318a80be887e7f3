"""What a charge point's meter says, whatever protocol it speaks: values in, readings out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

from ocpp_backend.clock import wire_time
from ocpp_backend.energy import MAX_SESSION_WH

REGISTER = "energy_active_import_register"
POWER = "power_active_import"
SOC = "soc"

_THOUSANDFOLD = {"kWh", "kW", "kvarh", "kvar", "kVA"}
_PHASES = ("L1", "L2", "L3")
_MAX_POWER_W = 10_000_000


@dataclass(frozen=True)
class Sample:
    """One measured value, finite; `measurand` in the platform's spelling."""

    timestamp: datetime
    measurand: str
    value: Decimal
    unit: str | None = None
    context: str | None = None
    location: str | None = None
    phase: str | None = None

    def as_wire(self) -> dict[str, Any]:
        return {
            "timestamp": wire_time(self.timestamp),
            "measurand": self.measurand,
            "value": str(self.value),
            "unit": self.unit,
            "context": self.context,
            "location": self.location,
            "phase": self.phase,
        }


@dataclass(frozen=True)
class Reading:
    """What the samples of one moment say together; None where they say nothing of it."""

    time: datetime
    register: Sample | None
    power_w: int | None
    soc_percent: Decimal | None


def readings(samples: Iterable[Sample]) -> list[Reading]:
    """One reading per moment, the earliest first."""
    ordered = sorted(samples, key=lambda sample: sample.timestamp)
    return [_reading(time, list(group)) for time, group in groupby(ordered, key=lambda s: s.timestamp)]


def register_wh(sample: Sample, last_wh: int) -> int:
    """The register in Wh. A reading labelled kWh that can only be Wh, measured by `last_wh`, is taken so."""
    wh = _base_unit(sample)
    if sample.unit == "kWh" and wh - last_wh > MAX_SESSION_WH:
        as_labelled_wrongly = round(sample.value)
        if 0 <= as_labelled_wrongly - last_wh <= MAX_SESSION_WH:
            return as_labelled_wrongly
    return wh


def _reading(time: datetime, samples: list[Sample]) -> Reading:
    power = _combined(samples, POWER)
    soc = next((s.value for s in samples if s.measurand == SOC and 0 <= s.value <= 100), None)
    return Reading(
        time=time,
        register=_register(samples),
        power_w=None if power is None else min(max(_base_unit(power), 0), _MAX_POWER_W),
        soc_percent=soc,
    )


def _register(samples: list[Sample]) -> Sample | None:
    register = _combined(samples, REGISTER)
    return register if register is not None and register.value >= 0 else None


def _combined(samples: Sequence[Sample], measurand: str) -> Sample | None:
    """The value of the outlet over all phases: as it was measured, else the sum of its phases."""
    ours = [sample for sample in samples if sample.measurand == measurand]
    ours = [sample for sample in ours if sample.location in (None, "Outlet")] or ours
    whole = next((sample for sample in ours if sample.phase is None), None)
    if whole is not None or not ours:
        return whole
    by_phase = {(sample.phase or "")[:2]: sample for sample in ours if (sample.phase or "")[2:] in ("", "-N")}
    phases = [by_phase[phase] for phase in _PHASES if phase in by_phase]
    if not phases:
        return None
    total = sum((sample.value for sample in phases), Decimal(0))
    return Sample(phases[0].timestamp, measurand, total, phases[0].unit)


def _base_unit(sample: Sample) -> int:
    return round(sample.value * 1000 if sample.unit in _THOUSANDFOLD else sample.value)
