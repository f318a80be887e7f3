"""What a transaction's columns become when its charge point has measured something: values in, values out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Row

from ocpp_backend.energy import ROUNDING_WH, Meter, advance, estimate, settle
from ocpp_backend.samples import Reading, Sample, WireSample, begin_register, interval_wh, register_wh
from ocpp_integration.events import MAX_SESSION_WH

_log = logging.getLogger(__name__)

# More than any vehicle takes; a register that rises faster is in another unit than it says.
_MAX_POWER_W = 1_500_000


class _Progress(NamedTuple):
    """The meter and the sum of intervals, each with its newest time; no meter before a first register."""

    start_time: datetime
    meter: Meter | None
    register_time: datetime | None
    interval_wh: int | None
    interval_time: datetime | None

    @property
    def energy_wh(self) -> int:
        # The two are never mixed: as soon as there is a register, it counts.
        if self.meter is not None and _is_sampled(self.meter, self.register_time, self.start_time):
            return self.meter.energy_wh
        return self.interval_wh or 0


def columns_after(
    transaction: Row[Any], latest: Sequence[Reading], samples: Sequence[Sample], wire: Sequence[WireSample]
) -> dict[str, Any]:
    """The columns of `transaction` after `latest`; what lies before its last known moment is late.

    `latest` and `wire` are `samples` by moment and one by one.
    """
    progress = _progress_of(transaction, samples)
    newest: dict[str, Any] = {}
    for reading in latest:
        progress = _after(progress, reading, transaction)
        if transaction.last_time is None or reading.time >= transaction.last_time:
            newest |= _known(power_w=reading.power_w, soc_percent=reading.soc_percent)
            newest["last_time"] = reading.time
    if "last_time" in newest:
        last = newest["last_time"]
        newest["meter_values"] = [w for s, w in zip(samples, wire, strict=True) if s.timestamp == last]
    if transaction.status == "started" and (progress.energy_wh > 0 or newest.get("power_w", 0) > 0):
        newest["status"] = "charging"
    return {**newest, **_columns(progress)}


def columns_settled(transaction: Row[Any], meter_stop: int | None) -> dict[str, Any]:
    """The columns by the register of the stop, as far as one was told."""
    meter = meter_of(transaction)
    if meter is None or meter_stop is None:
        return {}
    meter = settle(meter, meter_stop)
    return {"energy_wh": meter.energy_wh, "register_wh": meter.last_wh, "meter_reset": meter.was_reset}


def columns_estimated(transaction: Row[Any], next_start_wh: int | None) -> dict[str, Any]:
    """The columns where no stop came: by what was measured, else by where the next transaction starts."""
    meter = meter_of(transaction)
    if meter is None or transaction.interval_wh:
        return {"meter_stop": None}
    meter = estimate(meter, sampled=is_measured(transaction), next_start_wh=next_start_wh)
    return {"energy_wh": meter.energy_wh, "meter_stop": meter.last_wh}


def is_measured(transaction: Row[Any]) -> bool:
    """Whether its energy was measured while it ran, and not concluded from registers outside of it."""
    meter = meter_of(transaction)
    sampled = meter is not None and _is_sampled(meter, transaction.register_time, transaction.start_time)
    return sampled or bool(transaction.interval_wh)


def contradicts(transaction: Row[Any], reading: Reading) -> bool:
    """Whether a reading cannot be of the register by which the transaction is measured."""
    meter = meter_of(transaction)
    if reading.register is None or meter is None:
        return False
    step = _in_wh(reading.register, meter, reading.time, transaction) - meter.last_wh
    return not -ROUNDING_WH <= step <= MAX_SESSION_WH


def meter_of(transaction: Row[Any]) -> Meter | None:
    if transaction.meter_start is None:
        return None
    meter = Meter(
        start_wh=transaction.meter_start,
        last_wh=transaction.register_wh,
        energy_wh=transaction.energy_wh,
        was_reset=transaction.meter_reset,
    )
    sampled = _is_sampled(meter, transaction.register_time, transaction.start_time)
    return meter if sampled else meter._replace(energy_wh=0)


def stop_register(transaction: Row[Any], reading: Reading) -> int | None:
    """The register in Wh of the reading that came with a stop."""
    if reading.register is None:
        return None
    meter = meter_of(transaction)
    if meter is None:
        return register_wh(reading.register)
    return _in_wh(reading.register, meter, None, transaction)


def _progress_of(transaction: Row[Any], samples: Sequence[Sample]) -> _Progress:
    meter = meter_of(transaction)
    if meter is None and (begin := begin_register(samples)) is not None:
        meter = Meter.starting_at(register_wh(begin))
    return _Progress(
        start_time=transaction.start_time,
        meter=meter,
        register_time=transaction.register_time,
        interval_wh=transaction.interval_wh,
        interval_time=transaction.interval_time,
    )


def _after(known: _Progress, reading: Reading, transaction: Row[Any]) -> _Progress:
    meter, register_time = known.meter, known.register_time
    if reading.register is not None:
        moved = _moved(meter, reading, register_time, transaction)
        meter, register_time = (moved, reading.time) if moved is not None else (meter, register_time)
    total, interval_time = known.interval_wh, known.interval_time
    if reading.interval is not None and (interval_time is None or reading.time > interval_time):
        wh = interval_wh(reading.interval)
        if (total or 0) + wh <= MAX_SESSION_WH:
            total, interval_time = (total or 0) + wh, reading.time
    return _Progress(known.start_time, meter, register_time, total, interval_time)


def _is_sampled(meter: Meter, register_time: datetime | None, start_time: datetime) -> bool:
    """Whether the register was read after the start; at the start, it says nothing of what passed."""
    return register_time is not None and (register_time > start_time or meter.last_wh != meter.start_wh)


def _moved(
    meter: Meter | None, reading: Reading, register_time: datetime | None, transaction: Row[Any]
) -> Meter | None:
    """The meter after a reading, or None if that is late: a register that came down and is older."""
    assert reading.register is not None  # noqa: S101 - the caller looked
    if meter is None:
        return Meter.starting_at(register_wh(reading.register))
    if register_time is None or meter.energy_wh == 0:
        meter = _relabelled_start(meter, reading, transaction)
    value = _in_wh(reading.register, meter, reading.time, transaction)
    if register_time is not None and reading.time < register_time and value < meter.last_wh:
        return None
    if value - meter.last_wh > MAX_SESSION_WH:
        _log.warning("a register of %s Wh after %s Wh is ignored", value, meter.last_wh)
        return None
    return advance(meter, value)


def _relabelled_start(meter: Meter, reading: Reading, transaction: Row[Any]) -> Meter:
    """A meter whose start was Wh labelled kWh, too: only so is the step to this reading possible."""
    sample = reading.register
    if sample is None or sample.unit != "kWh" or meter.start_wh % 1000 or transaction.ocpp_id is None:
        return meter
    most = _most_wh(transaction, reading.time)
    as_told = register_wh(sample) - meter.start_wh
    start = meter.start_wh // 1000
    if as_told > most and 0 <= round(sample.value) - start <= most:
        _log.warning("transaction %s: Wh labelled kWh", transaction.transaction_id)
        return Meter.starting_at(start)
    return meter


def _in_wh(sample: Sample, meter: Meter, time: datetime | None, transaction: Row[Any]) -> int:
    return register_wh(sample, meter.last_wh, MAX_SESSION_WH if time is None else _most_wh(transaction, time))


def _most_wh(transaction: Row[Any], time: datetime) -> int:
    """The most energy that can have passed since the register was last read."""
    since: datetime = transaction.register_time or transaction.start_time
    if time - since < timedelta(seconds=1):
        return MAX_SESSION_WH  # a clock that does not say
    possible = ROUNDING_WH + _MAX_POWER_W * (time - since).total_seconds() / 3600
    return min(MAX_SESSION_WH, int(possible))


def _columns(progress: _Progress) -> dict[str, Any]:
    intervals = {"interval_wh": progress.interval_wh, "interval_time": progress.interval_time}
    columns = {"energy_wh": progress.energy_wh, "register_time": progress.register_time}
    if progress.interval_time is not None:
        columns |= intervals
    if progress.meter is not None:
        meter = progress.meter
        columns |= {
            "meter_start": meter.start_wh,
            "register_wh": meter.last_wh,
            "meter_reset": meter.was_reset,
        }
    return columns


def _known(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
