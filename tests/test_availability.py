"""The three definitions of availability, with the worked numbers of their sources."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.analytics import availability
from db.analytics.availability import PortTime, StatusSpan
from db.analytics.spans import Span, intersection, total, union

DAY = datetime(2025, 6, 10, tzinfo=UTC)


def _at(hours: float) -> datetime:
    return DAY + timedelta(hours=hours)


def _span(start: float, end: float) -> Span:
    return Span(_at(start), _at(end))


def _status(status: str, start: float, end: float, error_code: str = "") -> StatusSpan:
    return StatusSpan(status, _at(start), _at(end), error_code)


def _minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


def _percent(share: Fraction) -> float:
    return float(share * 100)


# Worked numbers


def test_v1a_an_excluded_outage_still_fails_where_the_rest_is_too_long() -> None:
    uptime = availability.nevi_of(_minutes(20_160), _minutes(4_320))
    assert _percent(uptime.share) == pytest.approx(96.98630, abs=1e-5)
    assert not uptime.passes


def test_v1b_exactly_97_percent_is_not_more_than_97_percent() -> None:
    uptime = availability.nevi_of(_minutes(15_768), timedelta())
    assert uptime.share == Fraction(97, 100)
    assert not uptime.passes


def test_a_minute_less_passes() -> None:
    assert availability.nevi_of(_minutes(15_767), timedelta()).passes


@pytest.mark.parametrize(
    ("unknown_counts", "percent", "passes"), [(True, 99.0202, True), (False, 98.9609, False)]
)
def test_v1c_what_is_unknown_decides_the_mean_of_a_network(
    unknown_counts: bool, percent: float, passes: bool
) -> None:
    year = _minutes(525_600)
    ports = [PortTime(year, _minutes(10_300), _minutes(60_000)), PortTime(year, timedelta())]
    uptime = availability.uk(ports, unknown_counts=unknown_counts)
    assert uptime is not None
    assert _percent(uptime.share) == pytest.approx(percent, abs=1e-4)
    assert uptime.passes is passes


def test_v1d_a_fault_while_offline_is_one_outage_and_maintenance_is_excluded_only_where_it_is_down() -> None:
    log = [_status("faulted", 2, 4), _status("offline", 3, 5)]
    uptime = availability.nevi(
        availability.down(log), [_span(4.5, 6)], within=_span(0, 24), period=_minutes(1440)
    )
    assert (uptime.outage, uptime.excluded) == (_minutes(180), _minutes(30))
    assert uptime.share == Fraction(1290, 1440)
    assert _percent(uptime.share) == pytest.approx(89.58333, abs=1e-5)


def test_v1e_an_outage_that_changes_its_status_is_one_outage() -> None:
    log = [
        _status("available", 0, 10),
        _status("faulted", 10, 10 + 20 / 60, "GroundFailure"),
        _status("unavailable", 10 + 20 / 60, 11),
        _status("available", 11, 24),
    ]
    (outage,) = availability.outages(log)
    assert outage.length == _minutes(60)
    assert outage.statuses == ("faulted", "unavailable")
    assert outage.error_codes == ("GroundFailure",)
    assert not outage.is_open


# Rules


def test_time_outside_the_opening_hours_is_no_outage() -> None:
    uptime = availability.nevi(
        [_span(2, 8)], [], within=_span(0, 24), opening=[_span(6, 22)], period=_minutes(1440)
    )
    assert uptime.outage == timedelta(hours=2)


def test_an_exclusion_outside_an_outage_excludes_nothing() -> None:
    uptime = availability.nevi([_span(2, 3)], [_span(5, 9)], within=_span(0, 24))
    assert uptime.excluded == timedelta()


def test_preparing_and_reserved_are_up() -> None:
    statuses = ("available", "preparing", "charging", "suspended_ev", "finishing", "reserved")
    log = [_status(status, hour, hour + 1) for hour, status in enumerate(statuses)]
    assert availability.down(log) == []


def test_an_outage_that_lasts_is_open() -> None:
    (outage,) = availability.outages([_status("offline", 3, 7)], known_until=_at(7))
    assert outage.is_open


def test_the_excluded_part_of_an_outage_is_told() -> None:
    (outage,) = availability.outages([_status("unavailable", 3, 7)], [_span(5, 9), _span(6, 8)])
    assert outage.excluded == timedelta(hours=2)


def test_offline_and_what_the_log_does_not_say_is_unknown_to_the_uk_mean() -> None:
    log = [_status("available", 0, 10), _status("offline", 10, 12), _status("faulted", 12, 13)]
    port = availability.uk_port(log, opening=[_span(0, 24)])
    assert port == PortTime(timedelta(hours=24), timedelta(hours=1), timedelta(hours=13))


def test_without_anything_observed_there_is_no_availability() -> None:
    assert availability.plain(timedelta(), timedelta()) is None
    assert availability.uk([]) is None


# Spans

_SPANS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda pair: _span(min(pair), max(pair)))
)


def _hours(spans: list[Span]) -> set[int]:
    return {hour for hour in range(61) for span in spans if span.start <= _at(hour) < span.end}


@given(_SPANS, _SPANS)
def test_spans_cover_what_their_hours_say(one: list[Span], other: list[Span]) -> None:
    assert _hours(union([*one, *other])) == _hours(one) | _hours(other)
    assert _hours(intersection(one, other)) == _hours(one) & _hours(other)
    assert total(one) == timedelta(hours=len(_hours(one)))


@given(_SPANS)
def test_a_union_has_no_overlap_and_no_seam(spans: list[Span]) -> None:
    joined = union(spans)
    assert all(one.end < other.start for one, other in pairwise(joined))
