"""How often charges come about, with the worked numbers of their sources: values in, values out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.analytics import charge_success as success
from db.analytics.charge_success import Attempt, Outcome, Rate, Tally, Visit
from db.analytics.error_codes import MRECS, in_words, name_of

NINE = 1_749_546_000  # 2025-06-10 09:00 UTC


def _attempt(
    start: float = 0,
    minutes: float = 0,
    *,
    power: bool = True,
    valid: bool = True,
    driver: str | None = "ABEBE",
    station: int = 1,
    port: int = 1,
    is_over: bool = True,
) -> Attempt:
    begun = NINE + int(start * 60)
    stop = begun + int(minutes * 60)
    return Attempt(station, port, driver, begun, stop, power, valid, is_over)


def _tally(attempts: list[Attempt]) -> Tally:
    tally = Tally()
    for attempt in attempts:
        tally.add_attempt(attempt)
    for visit in success.visits(attempts):
        tally.add_visit(visit.outcome)
    return tally


def _visits(*attempts: Attempt) -> list[Visit]:
    return list(success.visits(attempts))


def test_v2a_of_100_starts_88_get_power_and_84_end_well() -> None:
    tally = _tally(
        [_attempt() for _ in range(84)]
        + [_attempt(valid=False) for _ in range(4)]
        + [_attempt(power=False, valid=False) for _ in range(12)]
    )
    assert tally.charge_start_success == Rate(88, 100)
    assert tally.charge_end_success.share == pytest.approx(0.954545, abs=1e-6)
    assert tally.session_success.share == 0.84


def test_v2b_rates_are_pooled_and_not_averaged() -> None:
    plug_first, cached = Tally(attempts=100, powered=80), Tally(attempts=20)
    share = success.pooled([plug_first, cached]).charge_start_success.share
    assert share == pytest.approx(0.66667, abs=1e-5)


def test_v2c_a_failure_before_a_success_is_one_troubled_visit() -> None:
    tally = _tally([_attempt(0, valid=False, power=False), _attempt(5, 45)])
    assert (tally.visits, tally.troubled) == (1, 1)
    assert tally.first_attempt_success == Rate(0, 1)


def test_who_comes_back_half_an_hour_after_the_stop_is_still_there_and_later_is_not() -> None:
    assert len(_visits(_attempt(0, 60), _attempt(90))) == 1
    assert len(_visits(_attempt(0, 60), _attempt(91))) == 2


def test_another_place_is_another_visit_and_another_port_of_the_place_is_not() -> None:
    assert len(_visits(_attempt(0), _attempt(1, station=2))) == 2
    assert len(_visits(_attempt(0), _attempt(1, port=2))) == 1


def test_a_stranger_is_the_same_only_at_the_same_port_and_at_once() -> None:
    assert len(_visits(_attempt(0, driver=None), _attempt(2, driver=None))) == 1
    assert len(_visits(_attempt(0, driver=None), _attempt(3, driver=None))) == 2
    assert len(_visits(_attempt(0, driver=None), _attempt(1, driver=None, port=2))) == 2


def test_the_case_of_an_id_tag_does_not_matter() -> None:
    assert len(_visits(_attempt(0, driver="abebe"), _attempt(1, driver="ABEBE"))) == 1


def test_a_visit_without_any_success_failed() -> None:
    (visit,) = _visits(_attempt(0, valid=False), _attempt(3, valid=False))
    assert visit.outcome is Outcome.FAILED


def test_of_nothing_there_is_no_rate() -> None:
    assert Tally().session_success.share is None
    assert success.pooled([]) == Tally()
    assert _visits() == []


def test_a_visit_is_not_over_while_its_driver_still_charges() -> None:
    (visit,) = _visits(_attempt(0, valid=False), _attempt(5, is_over=False))
    assert not visit.is_over


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 60), st.sampled_from(["A", "B", None]))))
def test_every_attempt_is_in_exactly_one_visit(given_attempts: list[tuple[int, int, str | None]]) -> None:
    attempts = [_attempt(start, minutes, driver=tag) for start, minutes, tag in given_attempts]
    found = [each for visit in success.visits(attempts) for each in visit.attempts]
    assert sorted(map(id, found)) == sorted(map(id, attempts))


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
