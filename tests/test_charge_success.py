"""The rates of charges, with the worked numbers of their sources, and errors in words: values in and out."""

from __future__ import annotations

import pytest

from db.analytics.charge_success import Rate, Tally, pooled
from db.analytics.error_codes import MRECS, in_words, name_of


def test_v2a_of_100_starts_88_get_power_and_84_end_well() -> None:
    tally = Tally(attempts=100, powered=88, valid=84)
    assert tally.charge_start_success == Rate(88, 100)
    assert tally.charge_end_success.share == pytest.approx(0.954545, abs=1e-6)
    assert tally.session_success.share == 0.84


def test_v2b_rates_are_pooled_and_not_averaged() -> None:
    plug_first, cached = Tally(attempts=100, powered=80), Tally(attempts=20)
    share = pooled([plug_first, cached]).charge_start_success.share
    assert share == pytest.approx(0.66667, abs=1e-5)


def test_visits_are_those_of_every_outcome() -> None:
    assert Tally(first_attempt=6, troubled=3, failed=1).first_attempt_success == Rate(6, 10)


def test_of_nothing_there_is_no_rate() -> None:
    assert pooled([]).session_success.share is None


def test_an_mrec_is_told_in_words_whatever_error_code_carries_it() -> None:
    assert in_words("OtherError", "cx008") == "the emergency stop was pressed"
    assert name_of("OtherError", "cx008") == "CX008 EmergencyStop"
    assert len(MRECS) == 26


@pytest.mark.parametrize(
    ("error_code", "vendor_error_code", "words"),
    [
        ("GroundFailure", "", "the ground fault breaker tripped"),
        ("OtherError", "E42", "vendor error E42"),
        ("OtherError", "", "another error; the vendor's code says which"),
        ("SomethingNew", "", "SomethingNew"),
        ("", "E42", "E42"),
    ],
)
def test_other_codes_are_told_as_far_as_they_are_known(
    error_code: str, vendor_error_code: str, words: str
) -> None:
    assert in_words(error_code, vendor_error_code) == words
