"""Which sessions are doubtful, and which cannot be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.analytics.judgement import Evidence, judge

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
        (_session(0.9, 0.6, rated_w=120_000, connector_type="ccs2"), "short_session"),
        (_session(2881), "long_session"),
        (_session(charging=_charging(0.5), kwh=0.1), "short_charge"),
        (_session(1500, charging=_charging(1441)), "long_charge"),
        (_session(60, charging=_charging(61)), "charge_longer_than_session"),
        (_session(kwh=0.499), "little_energy"),
        (_session(300, 251, rated_w=150_000, connector_type="ccs2"), "much_energy"),
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


@pytest.mark.parametrize(
    ("session", "reason"),
    [
        (_session(kwh=-0.001), "negative_energy"),
        (_session(-1), "ends_before_start"),
        (_session(0, 5), "energy_in_no_time"),
        (_session(60, 910), "energy_beyond_connector"),
        (_session(5000, 910), "energy_beyond_vehicle"),
        (_session(120, 30, meter_start=0, meter_stop=30_000, register_before=28_000), "zero_baseline"),
    ],
)
def test_what_cannot_be_is_quarantined(session: Evidence, reason: str) -> None:
    assert reason in judge(session).impossibilities


def test_a_register_that_was_reset_may_begin_at_zero() -> None:
    evidence = _session(120, 30, meter_start=0, meter_stop=30_000, register_before=28_000, is_reset=True)
    assert not judge(evidence).is_impossible


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
