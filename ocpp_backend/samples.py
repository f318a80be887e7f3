"""What a charge point's meter says, whatever protocol it speaks: values in, readings out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple

from ocpp_backend.clock import wire_time
from ocpp_integration.events import MAX_SESSION_WH

REGISTER = "energy_active_import_register"
INTERVAL = "energy_active_import_interval"
POWER = "power_active_import"
SOC = "soc"

_THOUSANDFOLD = {"kWh", "kW", "kvarh", "kvar", "kVA"}
_PHASES = ("L1", "L2", "L3")
_MAX_POWER_W = 10_000_000
# No meter counts so far: a register beyond it is none.
MAX_REGISTER_WH = 2**53
_BEGIN, _END = "Transaction.Begin", "Transaction.End"


WireSample = dict[str, Any]


class Sample(NamedTuple):
    """One measured value, finite; `measurand` in the platform's spelling."""

    timestamp: datetime
    measurand: str
    value: Decimal
    unit: str | None = None
    context: str | None = None
    location: str | None = None
    phase: str | None = None

    def as_wire(self) -> WireSample:
        return {
            "timestamp": wire_time(self.timestamp),
            "measurand": self.measurand,
            "value": str(self.value),
            "unit": self.unit,
            "context": self.context,
            "location": self.location,
            "phase": self.phase,
        }


class Reading(NamedTuple):
    """What the samples of one moment say together; None where they say nothing of it."""

    time: datetime
    register: Sample | None
    power_w: int | None
    soc_percent: Decimal | None
    interval: Sample | None = None


def readings(samples: Iterable[Sample]) -> list[Reading]:
    """One reading per moment, the earliest first."""
    ordered = sorted(samples, key=lambda sample: sample.timestamp)
    return [_reading(moment[0].timestamp, moment) for moment in _by_moment(ordered)]


def begin_register(samples: Iterable[Sample]) -> Sample | None:
    """The register at the transaction's begin, where a sample says that it is that."""
    begun = sorted((s for s in samples if s.context == _BEGIN), key=lambda sample: sample.timestamp)
    return next((found for group in _by_moment(begun) if (found := _register(group)) is not None), None)


def register_wh(sample: Sample, last_wh: int | None = None, most_wh: int = MAX_SESSION_WH) -> int:
    """The register in Wh. `most_wh` is the most energy that can have passed since it was at `last_wh`:
    a reading labelled kWh that can only be Wh, measured by these, is taken so.
    """
    wh = _base_unit(sample)
    if last_wh is not None and sample.unit == "kWh" and wh - last_wh > most_wh:
        as_labelled_wrongly = round(sample.value)
        if 0 <= as_labelled_wrongly - last_wh <= most_wh:
            return as_labelled_wrongly
    return wh


def interval_wh(sample: Sample) -> int:
    return _base_unit(sample)


def _by_moment(ordered: Iterable[Sample]) -> list[list[Sample]]:
    return [list(group) for _, group in groupby(ordered, key=lambda sample: sample.timestamp)]


def _reading(time: datetime, samples: list[Sample]) -> Reading:
    power = _combined(samples, POWER)
    soc = next((s.value for s in samples if s.measurand == SOC and 0 <= s.value <= 100), None)
    return Reading(
        time=time,
        register=_register(samples),
        power_w=None if power is None else min(max(_base_unit(power), 0), _MAX_POWER_W),
        soc_percent=soc,
        interval=_counted(_combined(samples, INTERVAL), MAX_SESSION_WH),
    )


def _register(samples: list[Sample]) -> Sample | None:
    return _counted(_combined(_newest_context(samples), REGISTER), MAX_REGISTER_WH)


def _counted(energy: Sample | None, limit_wh: int) -> Sample | None:
    return energy if energy is not None and 0 <= _base_unit(energy) < limit_wh else None


def _newest_context(samples: list[Sample]) -> list[Sample]:
    """Some charge points date the registers of begin and end alike: the end's is where the meter stands."""
    ends = [s for s in samples if s.context == _END and s.measurand == REGISTER]
    return ends or [s for s in samples if s.context != _BEGIN and s.measurand == REGISTER] or samples


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
