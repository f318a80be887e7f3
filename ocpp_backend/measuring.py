"""What a transaction's columns become when its charge point has measured something."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from ocpp_backend.energy import MAX_SESSION_WH, Meter, advance
from ocpp_backend.samples import Reading, Sample, register_wh

_log = logging.getLogger(__name__)


def columns_after(
    transaction: Row[Any], latest: Sequence[Reading], samples: Sequence[Sample]
) -> dict[str, Any]:
    """The columns of `transaction` after `latest`; what lies before its last known moment is late."""
    meter, register_time = meter_of(transaction), transaction.register_time
    newest: dict[str, Any] = {}
    for reading in latest:
        if reading.register is not None:
            moved = _moved(meter, reading, register_time)
            meter, register_time = (moved, reading.time) if moved is not None else (meter, register_time)
        if transaction.last_time is None or reading.time >= transaction.last_time:
            newest |= _known(power_w=reading.power_w, soc_percent=reading.soc_percent)
            newest["last_time"] = reading.time
    if "last_time" in newest:
        newest["meter_values"] = [s.as_wire() for s in samples if s.timestamp == newest["last_time"]]
    if transaction.status == "started" and (meter.energy_wh > 0 or newest.get("power_w", 0) > 0):
        newest["status"] = "charging"
    return {
        **newest,
        "register_wh": meter.last_wh,
        "register_time": register_time,
        "energy_wh": meter.energy_wh,
        "meter_reset": meter.was_reset,
    }


def _moved(meter: Meter, reading: Reading, register_time: datetime | None) -> Meter | None:
    """The meter after a reading, or None if that is late: a register that came down and is older."""
    assert reading.register is not None  # noqa: S101 - the caller looked
    value = register_wh(reading.register, meter.last_wh)
    if register_time is not None and reading.time < register_time and value < meter.last_wh:
        return None
    if value - meter.last_wh > MAX_SESSION_WH:
        _log.warning("a register of %s Wh after %s Wh is ignored", value, meter.last_wh)
        return None
    return advance(meter, value)


def meter_of(transaction: Row[Any]) -> Meter:
    return Meter(
        start_wh=transaction.meter_start,
        last_wh=transaction.register_wh,
        energy_wh=transaction.energy_wh,
        was_reset=transaction.meter_reset,
    )


def _known(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
