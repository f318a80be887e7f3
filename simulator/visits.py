"""A car's visit to a connector: who comes, how much it takes, how long it stays, how it ends. Pure."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeVar

from simulator.charge_curve import ChargeCurve, ac_curve, dc_curve
from simulator.fleet import Connector, Failure, Fleet, Place, Station, StopReason, Vehicle, driver_id

T = TypeVar("T")


@dataclass(frozen=True)
class Visit:
    """`curve` runs from plugging in to the target; the car is unplugged `stay_seconds` after charging began.

    A stay longer than the curve is idle time, a shorter one leaves the battery short of its target. With a
    `failure` no energy flows. SoC is a share from 0 to 1.
    """

    driver: str
    vehicle: Vehicle
    curve: ChargeCurve
    soc_start: float
    stay_seconds: float
    stop_reason: StopReason
    failure: Failure | None = None

    def soc_after(self, energy_wh: float) -> float:
        return min(1.0, self.soc_start + energy_wh / (self.vehicle.battery_kwh * 1000))

    def after(self, seconds: float) -> Visit:
        """The same visit as if it began after `seconds` of charging, before its battery is full."""
        return replace(
            self,
            curve=self.curve.rest_after(seconds),
            soc_start=self.soc_after(self.curve.at(seconds).energy_wh),
            stay_seconds=self.stay_seconds - seconds,
        )


@dataclass(frozen=True)
class _Habit:
    """Lognormal energy (kWh) and stay (hours), each as median and sigma."""

    energy_kwh: float
    energy_sigma: float
    stay_hours: float
    stay_sigma: float


# Workplace energy and stay as in ACN-Data (median 11.65 kWh, 7.70 h), public AC between EVnetNL's mean of
# 8.4 kWh and its 61 % of idle time.
_AC_HABITS: Mapping[Place, _Habit] = MappingProxyType(
    {
        "workplace": _Habit(energy_kwh=11.3, energy_sigma=0.746, stay_hours=7.7, stay_sigma=0.35),
        "public": _Habit(energy_kwh=9.5, energy_sigma=0.6, stay_hours=2.2, stay_sigma=0.5),
        "highway": _Habit(energy_kwh=10.0, energy_sigma=0.5, stay_hours=1.3, stay_sigma=0.4),
    }
)
_DC_ENERGY_KWH, _DC_ENERGY_SIGMA = 21.0, 0.5
_LEAST_KWH = 1.0
_LEAVES_EARLY = 0.12
_OVERSTAY_SECONDS = 240.0
_STOP_REASONS: Sequence[tuple[StopReason, float]] = (("Local", 6), ("EVDisconnected", 4))


def draw_vehicle(fleet: Fleet, rng: random.Random) -> Vehicle:
    return _weighted([(vehicle, vehicle.weight) for vehicle in fleet.vehicles], rng)


def choose_connector(
    vehicle: Vehicle, free: Sequence[tuple[int, Connector]], rng: random.Random
) -> tuple[int, Connector] | None:
    """Which of the free connectors the car takes: mostly its fast one; None where nothing fits."""
    fast = [item for item in free if item[1].type == vehicle.plug]
    slow = [item for item in free if not item[1].is_dc]
    if fast and (not slow or rng.random() < 0.8):
        return rng.choice(fast)
    return rng.choice(slow) if slow else None


def draw_visit(
    fleet: Fleet, station: Station, connector: Connector, vehicle: Vehicle, rng: random.Random
) -> Visit:
    """A visit as drivers of that place make them, failing at the station's own rate."""
    curve, soc_start = _charge(station.place, connector, vehicle, rng)
    fails = rng.random() < fleet.failed_sessions * station.trouble
    return Visit(
        driver=_draw_driver(fleet, rng),
        vehicle=vehicle,
        curve=curve,
        soc_start=soc_start,
        stay_seconds=_stay(station.place, connector, curve, rng),
        stop_reason=_weighted(_STOP_REASONS, rng),
        failure=_weighted([(f, f.weight) for f in fleet.failures], rng) if fails else None,
    )


def patient_visit(id_tag: str, connector: Connector, vehicle: Vehicle) -> Visit:
    """A car from 20 to 90 %, unplugged as soon as it is full: what a remote start finds plugged in."""
    curve = _curve(connector, vehicle, soc_start=0.2, soc_end=0.9)
    return Visit(id_tag, vehicle, curve, 0.2, curve.seconds + _OVERSTAY_SECONDS, "EVDisconnected")


def vehicle_for(connector: Connector, fleet: Fleet, rng: random.Random) -> Vehicle:
    """A vehicle that fits the connector."""
    fitting = [v for v in fleet.vehicles if not connector.is_dc or v.plug == connector.type]
    return _weighted([(vehicle, vehicle.weight) for vehicle in fitting], rng)


def _charge(
    place: Place, connector: Connector, vehicle: Vehicle, rng: random.Random
) -> tuple[ChargeCurve, float]:
    """The curve of the energy wanted, and the SoC at which it begins."""
    habit = _AC_HABITS[place]
    median, sigma = (
        (_DC_ENERGY_KWH, _DC_ENERGY_SIGMA) if connector.is_dc else (habit.energy_kwh, habit.energy_sigma)
    )
    soc_end = rng.uniform(0.72, 0.92) if connector.is_dc else rng.uniform(0.85, 1.0)
    wanted = max(_LEAST_KWH, rng.lognormvariate(math.log(median), sigma))
    soc_start = max(0.05, soc_end - wanted / vehicle.battery_kwh)
    return _curve(connector, vehicle, soc_start=soc_start, soc_end=soc_end), soc_start


def _curve(connector: Connector, vehicle: Vehicle, *, soc_start: float, soc_end: float) -> ChargeCurve:
    battery_wh = vehicle.battery_kwh * 1000
    if connector.is_dc:
        return dc_curve(
            battery_wh=battery_wh,
            soc_start=soc_start,
            soc_end=soc_end,
            station_w=connector.power_kw * 1000,
            vehicle_w=vehicle.dc_kw * 1000,
        )
    return ac_curve(
        energy_wh=(soc_end - soc_start) * battery_wh, power_w=min(connector.power_kw, vehicle.ac_kw) * 1000
    )


def _stay(place: Place, connector: Connector, curve: ChargeCurve, rng: random.Random) -> float:
    if not connector.is_dc:
        habit = _AC_HABITS[place]
        return 3600 * rng.lognormvariate(math.log(habit.stay_hours), habit.stay_sigma)
    if rng.random() < _LEAVES_EARLY:
        return curve.seconds * rng.uniform(0.3, 0.9)
    return curve.seconds + rng.expovariate(1 / _OVERSTAY_SECONDS)


def _draw_driver(fleet: Fleet, rng: random.Random) -> str:
    # Squaring a uniform draw makes low numbers regulars and high ones rare.
    return driver_id(1 + int(fleet.drivers * rng.random() ** 2))


def _weighted(choices: Sequence[tuple[T, float]], rng: random.Random) -> T:
    return rng.choices([item for item, _ in choices], [weight for _, weight in choices])[0]
