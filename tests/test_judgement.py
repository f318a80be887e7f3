"""Which sessions are doubtful, and which cannot be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.analytics import flags
from db.analytics.judgement import DOUBTS, IMPOSSIBILITIES, Evidence, judge

START = datetime(2025, 6, 10, 8, tzinfo=UTC)


def _session(minutes: float = 60, kwh: float = 10, **more: Any) -> Evidence:
    known: dict[str, Any] = {"rated_w": 22_000, "connector_type": "type2"}
    stop = START + timedelta(minutes=minutes)
    return Evidence(start=START, stop=stop, energy_wh=round(kwh * 1000), **(known | more))


def _charging(minutes: float) -> timedelta:
    return timedelta(minutes=minutes)


def test_an_ordinary_session_raises_no_doubt() -> None:
    assert judge(_session(charging=_charging(50))).doubts == ()
    assert not judge(_session()).is_impossible


@pytest.mark.parametrize(("kwh", "doubts"), [(12.10, ()), (12.11, ("power_above_rating",))])
def test_v3b_a_tenth_above_the_rating_passes_and_more_does_not(kwh: float, doubts: tuple[str, ...]) -> None:
    judged = judge(_session(60, kwh, rated_w=11_000, charging=_charging(60)))
    assert judged.doubts == doubts
    assert not judged.is_impossible


@pytest.mark.parametrize(
    ("session", "doubt"),
    [
        (_session(0.9, 0.6, rated_w=120_000, connector_type="ccs2"), "short_duration"),
        (_session(2881), "long_session"),
        (_session(charging=_charging(0.5), kwh=0.1), "short_duration"),
        (_session(1500, charging=_charging(1441)), "long_charging"),
        (_session(60, charging=_charging(61)), "charging_longer_than_session"),
        (_session(kwh=0.499), "low_energy"),
        (_session(300, 251, rated_w=150_000, connector_type="ccs2"), "high_energy"),
        (_session(kwh=0), "no_energy"),
        (_session(rated_w=50_000), "unusual_rating"),
        (_session(rated_w=400_000, connector_type="ccs2"), "unusual_rating"),
    ],
)
def test_what_is_unusual_is_doubted_and_still_counts(session: Evidence, doubt: str) -> None:
    assert doubt in judge(session).doubts
    assert not judge(session).is_impossible


def test_22_kw_are_usual_on_a_type_2_connector() -> None:
    assert "unusual_rating" not in judge(_session(rated_w=22_000)).doubts


def _registers(start: int, stop: int, **more: Any) -> Evidence:
    """A session of two hours of which nothing but the registers tells the energy."""
    return _session(120, (stop - start) / 1000, meter_start=start, meter_stop=stop, **more)


@pytest.mark.parametrize(
    ("session", "reason"),
    [
        (_session(kwh=-0.001), "negative_energy"),
        (_session(-1), "energy_in_no_time"),
        (_session(0, 5), "energy_in_no_time"),
        (_session(60, 910), "energy_beyond_connector"),
        (_session(6000, 910), "energy_beyond_vehicle"),
        (_registers(0, 30_000, register_before=28_000), "zero_baseline"),
    ],
)
def test_what_cannot_be_is_held(session: Evidence, reason: str) -> None:
    assert reason in judge(session).impossibilities
    assert judge(session).verdict == "held"


@pytest.mark.parametrize(
    ("registers", "reason"), [((9000, 2000), "negative_energy"), ((0, 1_900_000), "energy_beyond_connector")]
)
def test_registers_of_which_no_bill_is_made_are_held_against_a_session(
    registers: tuple[int, int], reason: str
) -> None:
    start, stop = registers
    assert reason in judge(replace(_registers(start, stop), energy_wh=None)).impossibilities
    assert not judge(replace(_registers(start, stop), energy_wh=None, is_reset=True)).is_impossible


def test_a_register_that_fell_is_doubted_where_something_else_tells_the_energy() -> None:
    judged = judge(_session(meter_start=9000, meter_stop=2000))
    assert (judged.doubts, judged.impossibilities) == (("register_fell",), ())


@pytest.mark.parametrize(
    "attempt", [_session(60, 0), _session(0, 0), _session(-1, 0), _session(0.2, 0, charging=_charging(0))]
)
def test_an_attempt_that_delivered_nothing_is_possible(attempt: Evidence) -> None:
    assert "no_energy" in judge(attempt).doubts
    assert judge(attempt).verdict == "counted"


def test_a_rating_that_is_wrong_by_a_phase_holds_nothing_back() -> None:
    judged = judge(_session(60, 22, rated_w=11_000))
    assert (judged.doubts, judged.impossibilities) == (("power_above_rating",), ())


def test_a_truck_at_a_slow_connector_is_possible() -> None:
    assert not judge(_session(780, 540, rated_w=43_000)).is_impossible


def test_a_baseline_of_zero_is_harmless_where_the_registers_make_no_bill() -> None:
    evidence = _session(120, 12, meter_start=0, meter_stop=30_000, register_before=28_000)
    assert not judge(evidence).is_impossible


def test_every_check_has_its_sentence() -> None:
    assert set(DOUBTS) - set(flags.REPORTED) == set(flags.DOUBTS)
    assert set(IMPOSSIBILITIES) == set(flags.IMPOSSIBILITIES)


def test_a_register_that_was_reset_may_begin_at_zero() -> None:
    assert not judge(_registers(0, 30_000, register_before=28_000, is_reset=True)).is_impossible


def test_a_new_meter_may_begin_at_zero() -> None:
    assert not judge(_session(meter_start=0, meter_stop=10_000, register_before=None)).is_impossible
    assert not judge(_session(meter_start=0, meter_stop=10_000, register_before=90_000)).is_impossible


def test_what_is_not_known_is_not_held_against_a_session() -> None:
    evidence = Evidence(start=START, stop=START + timedelta(hours=1), energy_wh=None)
    assert judge(evidence).doubts == judge(evidence).impossibilities == ()


@given(st.integers(0, 3000), st.integers(0, 22_000), st.sampled_from([3_700, 11_000, 22_000]))
def test_what_a_connector_can_deliver_is_never_impossible(minutes: int, mean_w: int, rated_w: int) -> None:
    wh = min(mean_w, rated_w) * minutes // 60
    assert not judge(_session(minutes, min(wh, 250_000) / 1000, rated_w=rated_w)).is_impossible
