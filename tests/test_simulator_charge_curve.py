"""The charge curve: the taper's worked numbers, and energy that is the integral of the power."""

from __future__ import annotations

import pytest

from simulator.charge_curve import ChargeCurve, ac_curve, dc_curve, taper


def curve(station_kw: float, *, soc_start: float = 0.2, soc_end: float = 0.8) -> ChargeCurve:
    """A battery of 90 kWh that takes 150 kW at most."""
    return dc_curve(
        battery_wh=90_000,
        soc_start=soc_start,
        soc_end=soc_end,
        station_w=station_kw * 1000,
        vehicle_w=150_000,
    )


@pytest.mark.parametrize(("station_kw", "minutes"), [(50, 64.8), (60, 54.0), (120, 30.7), (150, 29.3)])
def test_charging_from_20_to_80_percent_takes_the_time_worked_out(station_kw: float, minutes: float) -> None:
    assert curve(station_kw).seconds / 60 == pytest.approx(minutes, abs=0.06)


def test_the_whole_curve_takes_the_energy_between_its_states_of_charge() -> None:
    assert curve(120).energy_wh == pytest.approx(54_000)


@pytest.mark.parametrize(("soc", "share"), [(0, 1.0), (0.5, 0.85), (0.8, 0.45), (0.9, 0.25), (1.0, 0.05)])
def test_the_taper_runs_through_its_points(soc: float, share: float) -> None:
    assert taper(soc) == pytest.approx(share)


@pytest.mark.parametrize("station_kw", [30, 60, 120, 150, 300])
def test_energy_is_the_integral_of_power(station_kw: float) -> None:
    whole = curve(station_kw, soc_start=0.05, soc_end=1.0)
    step = whole.seconds / 20_000
    integral = sum(whole.at((i + 0.5) * step).power_w * step / 3600 for i in range(20_000))
    assert whole.energy_wh == pytest.approx(integral, rel=1e-5)


def test_energy_never_shrinks_and_ends_at_the_target() -> None:
    whole = curve(120)
    taken = [whole.at(seconds).energy_wh for seconds in range(0, 3000, 7)]
    assert taken == sorted(taken)
    assert taken[-1] == whole.energy_wh


def test_power_never_exceeds_what_the_station_gives() -> None:
    assert curve(60, soc_start=0.0, soc_end=1.0).peak_power_w == 60_000


def test_no_power_flows_after_the_end() -> None:
    assert curve(60).at(10**6).power_w == 0


@pytest.mark.parametrize("seconds", [0, 100, 900, 1500])
def test_what_remains_after_a_while_and_what_was_taken_make_the_whole(seconds: float) -> None:
    whole = curve(120)
    rest = whole.rest_after(seconds)
    assert rest.energy_wh + whole.at(seconds).energy_wh == pytest.approx(whole.energy_wh)
    assert rest.seconds + seconds == pytest.approx(whole.seconds)


def test_alternating_current_charges_at_constant_power() -> None:
    slow = ac_curve(energy_wh=11_000, power_w=11_000)
    assert slow.seconds == pytest.approx(3600)
    assert slow.at(1800).energy_wh == pytest.approx(5500)
