from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ocpp_backend.energy import Meter, advance, estimate, settle
from ocpp_backend.pricing import cost
from ocpp_backend.samples import POWER, REGISTER, Sample, readings, register_wh

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def run(start_wh: int, *registers_wh: int, modulus_wh: int | None = None) -> Meter:
    meter = Meter.starting_at(start_wh)
    for register in registers_wh:
        meter = advance(meter, register, modulus_wh=modulus_wh)
    return meter


def sample(value: str, unit: str | None = "Wh", *, measurand: str = REGISTER, **more: str) -> Sample:
    return Sample(NOON, measurand, Decimal(value), unit, **more)


def test_energy_is_stop_minus_start() -> None:
    assert settle(Meter.starting_at(120_000), 133_000).energy_wh == 13_000


def test_registers_in_wh_and_kwh_mix() -> None:
    meter = run(120_000, register_wh(sample("124.0", "kWh"), 120_000))
    assert settle(meter, 128_500).energy_wh == 8_500


def test_after_a_reset_the_new_reading_is_added() -> None:
    assert run(120_000, 126_000, 400, 2_900).energy_wh == 8_900


def test_a_reset_is_flagged() -> None:
    assert run(120_000, 126_000, 400, 2_900).was_reset


def test_v4d_a_declared_rollover_is_no_reset() -> None:
    meter = run(999_000, 999_900, 700, modulus_wh=1_000_000)
    assert (meter.energy_wh, meter.was_reset) == (1_700, False)


def test_without_a_stop_the_last_sample_counts() -> None:
    assert estimate(run(120_000, 126_400), sampled=True, next_start_wh=130_000).energy_wh == 6_400


def test_without_stop_and_samples_the_next_start_counts() -> None:
    assert estimate(run(120_000), sampled=False, next_start_wh=123_000).energy_wh == 3_000


def test_without_stop_samples_and_a_later_start_nothing_has_passed() -> None:
    assert estimate(run(120_000), sampled=False, next_start_wh=90_000).energy_wh == 0


def test_a_stop_in_wh_below_a_sample_in_whole_kwh_is_no_reset() -> None:
    assert settle(run(120_000, 124_000), 123_600).energy_wh == 3_600


def test_a_stop_register_of_zero_keeps_what_was_measured() -> None:
    assert settle(run(120_000, 126_000), 0).energy_wh == 6_000


def test_a_meter_whose_samples_count_from_zero_is_billed_by_its_register() -> None:
    assert settle(run(120_000, 50, 8_450), 128_500).energy_wh == 8_500


def test_a_reset_of_a_meter_that_started_at_zero_is_not_undone_by_the_stop() -> None:
    assert settle(run(0, 6_000, 400), 2_900).energy_wh == 8_900


def test_an_impossible_step_is_ignored() -> None:
    assert run(120_000, 900_000_000, 126_000).energy_wh == 6_000


def test_wh_labelled_as_kwh_is_read_as_wh() -> None:
    assert register_wh(sample("124000", "kWh"), 120_000) == 124_000


def test_kwh_with_many_places_is_rounded_to_wh() -> None:
    assert register_wh(sample("0.15005000000000002", "kWh"), 0) == 150


def test_an_unphased_value_is_preferred_to_its_phases() -> None:
    power = [sample(v, "W", measurand=POWER, **p) for v, p in (("7000", {"phase": "L1"}), ("21000", {}))]
    assert readings(power)[0].power_w == 21_000


def test_phases_are_summed_where_there_is_no_total() -> None:
    power = [sample("7.3", "kW", measurand=POWER, phase=phase) for phase in ("L1", "L2", "L3")]
    assert readings(power)[0].power_w == 21_900


def test_the_outlet_is_preferred_to_the_inlet() -> None:
    power = [
        sample("23000", "W", measurand=POWER, location="Inlet"),
        sample("22000", "W", measurand=POWER, location="Outlet"),
    ]
    assert readings(power)[0].power_w == 22_000


@pytest.mark.parametrize(("energy_wh", "expected"), [(8_500, "106.25"), (1, "0.01"), (0, "0.00")])
def test_cost_is_rounded_half_up_to_two_places(energy_wh: int, expected: str) -> None:
    assert cost(energy_wh, Decimal("12.50")) == Decimal(expected)


def test_without_a_price_there_is_no_cost() -> None:
    assert cost(8_500, None) is None
