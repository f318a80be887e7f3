"""From meter registers to energy: values in, values out. All energy is integer Wh."""

from __future__ import annotations

from typing import NamedTuple

from ocpp_integration.events import MAX_SESSION_WH

# A stop in Wh after samples in whole kWh may lie below the last of them.
ROUNDING_WH = 1000


class Meter(NamedTuple):
    """A transaction's register: where it stands, and the energy that has passed since the start."""

    start_wh: int
    last_wh: int
    energy_wh: int = 0
    was_reset: bool = False

    @classmethod
    def starting_at(cls, register_wh: int) -> Meter:
        return cls(start_wh=register_wh, last_wh=register_wh)


def advance(meter: Meter, reading_wh: int, *, modulus_wh: int | None = None) -> Meter:
    """The meter after `reading_wh`; its energy never shrinks.

    A drop is a reset, after which the whole new reading is energy (or a rollover at `modulus_wh` where
    the meter declares one); a drop within rounding changes nothing; an impossible step is ignored.
    """
    delta = reading_wh - meter.last_wh
    if delta >= 0:
        return _plus(meter, reading_wh, delta)
    if modulus_wh is not None:
        return _plus(meter, reading_wh, delta + modulus_wh)
    if -delta <= ROUNDING_WH and 2 * reading_wh >= meter.last_wh:
        return meter
    return _plus(meter, reading_wh, reading_wh)._replace(was_reset=True)


def settle(meter: Meter, stop_wh: int) -> Meter:
    """The meter after the register of the stop, by which the transaction is billed.

    Stop minus start counts where it can be true. After a reset it can be true only if it agrees with what
    was summed up: such a charge point counts its samples from zero but starts and stops by the register.
    """
    difference = stop_wh - meter.start_wh
    final = advance(meter, stop_wh)
    plausible = 0 <= difference <= MAX_SESSION_WH
    agrees = abs(difference - meter.energy_wh) <= ROUNDING_WH
    if plausible and (agrees if meter.was_reset else not final.was_reset):
        return meter._replace(last_wh=stop_wh, energy_wh=difference)
    return final


def estimate(meter: Meter, *, sampled: bool, next_start_wh: int | None = None) -> Meter:
    """The meter of a transaction whose stop is missing.

    What was sampled counts; without a sample the register at which the connector's next transaction
    starts, where that is greater; else nothing is known to have passed.
    """
    if sampled or next_start_wh is None or next_start_wh <= meter.start_wh:
        return meter
    return advance(meter, next_start_wh)


def _plus(meter: Meter, reading_wh: int, energy_wh: int) -> Meter:
    total = meter.energy_wh + energy_wh
    if total > MAX_SESSION_WH:
        return meter
    return meter._replace(last_wh=reading_wh, energy_wh=total)
