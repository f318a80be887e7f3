"""A meter's reading as OCPP words it: a MeterValue with text for values in 1.6, with numbers in 2.0.1."""

from __future__ import annotations

import math
from collections.abc import Set
from dataclasses import dataclass
from typing import Any, Literal

from simulator.fleet import Quirk
from simulator.messages import Reading

Context = Literal["Sample.Periodic", "Transaction.Begin", "Transaction.End", "Trigger"]
MAINS_VOLTS = 230
# Real ones hold a certificate's worth of base64; no one here can check it.
SIGNED_DATA = "T0NNRnx7IkZWIjoiMS4wIiwiR0kiOiJTSU0iLCJHUyI6IjAwMDEiLCJNViI6IlNJTSJ9" * 16


@dataclass(frozen=True)
class _Sample:
    measurand: str
    value: float
    unit: str
    phase: str | None = None
    location: str | None = None


def meter_value_16(
    reading: Reading, *, time: str, context: Context = "Sample.Periodic", quirks: Set[Quirk] = frozenset()
) -> dict[str, Any]:
    """Energy and power as totals, then currents by phase or the SoC."""
    sampled = [_sampled_16(sample, context) for sample in _samples(reading, quirks)]
    if "signed_values" in quirks:
        # Not labelled as signed, as some forget.
        sampled.append({"value": SIGNED_DATA, "context": context})
    return {"timestamp": time, "sampled_value": sampled}


def meter_value_201(
    reading: Reading, *, time: str, context: Context = "Sample.Periodic", quirks: Set[Quirk] = frozenset()
) -> dict[str, Any]:
    sampled = [_sampled_201(sample, context) for sample in _samples(reading, quirks)]
    if "signed_values" in quirks:
        sampled[0]["signed_meter_value"] = {
            "signed_meter_data": SIGNED_DATA,
            "signing_method": "ECDSA-secp256r1-SHA256",
            "encoding_method": "OCMF",
            "public_key": "",
        }
    return {"timestamp": time, "sampled_value": sampled}


def _samples(reading: Reading, quirks: Set[Quirk]) -> list[_Sample]:
    samples = [_register(reading.register_wh, quirks), _Sample("Power.Active.Import", reading.power_w, "W")]
    for number in range(1, reading.phases + 1):
        amperes = round(reading.power_w / reading.phases / MAINS_VOLTS, 1)
        samples += [
            _Sample("Voltage", MAINS_VOLTS, "V", f"L{number}-N"),
            _Sample("Current.Import", amperes, "A", f"L{number}"),
        ]
    if reading.soc_percent is not None:
        samples.append(_Sample("SoC", reading.soc_percent, "Percent", location="EV"))
    return samples


def _register(register_wh: int, quirks: Set[Quirk]) -> _Sample:
    measurand = "Energy.Active.Import.Register"
    if "kwh_strings" in quirks:
        return _Sample(measurand, math.nextafter(register_wh / 1000, math.inf), "kWh")
    return _Sample(measurand, register_wh, "kWh" if "wh_labelled_kwh" in quirks else "Wh")


def _sampled_16(sample: _Sample, context: Context) -> dict[str, Any]:
    optional = {"phase": sample.phase, "location": sample.location}
    return {
        "value": str(sample.value),
        "measurand": sample.measurand,
        "unit": sample.unit,
        "context": context,
        **{name: text for name, text in optional.items() if text},
    }


def _sampled_201(sample: _Sample, context: Context) -> dict[str, Any]:
    optional = {"phase": sample.phase, "location": sample.location}
    return {
        "value": sample.value,
        "measurand": sample.measurand,
        "unit_of_measure": {"unit": sample.unit},
        "context": context,
        **{name: text for name, text in optional.items() if text},
    }
