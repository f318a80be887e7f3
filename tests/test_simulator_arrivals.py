"""Arrivals follow the hours of their place, weekdays and weekends apart."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from simulator_central import small_fleet

from simulator.arrivals import arrivals
from simulator.fleet import Place, load_fleet

ADDIS = ZoneInfo("Africa/Addis_Ababa")
MONDAY = datetime(2026, 3, 2, tzinfo=ADDIS)
WEEKS = 60
CURVES = load_fleet().arrivals


def hours(place: Place, *, weekend: bool) -> Counter[int]:
    """Arrivals by local hour at a station with ten sessions a weekday, over the weeks."""
    station = small_fleet().stations[0].model_copy(update={"place": place})
    coming = arrivals(station, CURVES[place], start=MONDAY, zone=ADDIS, rng=random.Random(7))
    local = takewhile(lambda m: m < MONDAY + timedelta(weeks=WEEKS), (m.astimezone(ADDIS) for m in coming))
    return Counter(moment.hour for moment in local if (moment.weekday() >= 5) == weekend)


@pytest.mark.parametrize("place", list(CURVES))
def test_a_weekday_brings_as_many_cars_as_the_station_is_said_to_get(place: Place) -> None:
    assert hours(place, weekend=False).total() / (WEEKS * 5) == pytest.approx(10, rel=0.06)


@pytest.mark.parametrize("place", list(CURVES))
def test_a_weekend_day_brings_its_share_of_them(place: Place) -> None:
    expected = 10 * CURVES[place].weekend_factor
    assert hours(place, weekend=True).total() / (WEEKS * 2) == pytest.approx(expected, rel=0.12)


@pytest.mark.parametrize("place", list(CURVES))
def test_the_hours_of_a_weekday_have_their_shares(place: Place) -> None:
    seen = hours(place, weekend=False)
    weights = CURVES[place].weekday
    for hour in range(24):
        assert seen[hour] / seen.total() == pytest.approx(weights[hour] / sum(weights), abs=0.025)


def test_cars_come_to_work_between_six_and_eight() -> None:
    assert [hour for hour, _ in hours("workplace", weekend=False).most_common(2)] == [7, 6]


def test_arrivals_are_in_utc_and_in_order() -> None:
    station = small_fleet().stations[0]
    coming = arrivals(station, CURVES["public"], start=MONDAY, zone=ADDIS, rng=random.Random(1))
    moments = [next(coming) for _ in range(50)]
    assert moments == sorted(moments)
    assert {moment.tzinfo for moment in moments} == {UTC}
