"""What an address may say of period and stations, and how clocks are named."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard import address, formats, markup
from dashboard.periods import grains_of
from db.analytics.scope import Period

TODAY = date(2026, 11, 20)


def test_what_was_written_is_read_again() -> None:
    for choice, dates, stations, grain in (
        ("7d", (), (3, 7), "hour"),
        ("custom", (date(2026, 1, 5), date(2026, 2, 1)), (), "auto"),
    ):
        read = address.read(address.write(choice, dates, stations, grain), TODAY, {3, 7})
        assert (read.choice, read.dates or (), read.stations or ()) == (choice, dates, stations)
        assert (read.grain or "auto") == grain
        assert read.ignored == ()


def test_a_station_that_is_not_the_readers_is_as_one_that_never_was() -> None:
    of_another, of_nobody = (address.read({"stations": f"3,{pk}"}, TODAY, {3}) for pk in ("8", "999"))
    assert of_another == of_nobody
    assert of_another.stations == (3,) and "does not exist" in of_another.ignored[0]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"period": "fortnight"}, "fortnight"),
        ({"from": "yesterday", "to": ""}, "yesterday"),
        ({"by": "decade"}, "decade"),
        ({"stations": "1,2,x"}, "3 of the stations"),
        ({"period": "x" * 5000}, "x…"),
    ],
)
def test_what_makes_no_sense_is_left_out_and_told(asked: dict[str, str], words: str) -> None:
    read = address.read(asked, TODAY, ())
    assert (read.choice, read.dates) == (None, None)
    assert len(read.ignored) == 1 and words in read.ignored[0] and len(read.ignored[0]) < 120


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(address.NAMES), st.text(max_size=40)))
def test_no_address_is_too_much(asked: dict[str, str]) -> None:
    read = address.read(asked, TODAY, {1, 2})
    assert set(read.stations or ()) <= {1, 2}


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("Africa/Addis_Ababa", "EAT, UTC+3"),
        ("Asia/Kathmandu", "UTC+5:45"),
        ("America/St_Johns", "NST, UTC-3:30"),
        ("UTC", "UTC"),
    ],
)
def test_a_clock_is_named_with_its_distance_from_utc(zone: str, words: str) -> None:
    assert formats.clock(datetime(2026, 1, 5, 12, tzinfo=ZoneInfo(zone))) == words


def test_a_chart_offers_only_bars_that_suit_its_period() -> None:
    assert grains_of(Period(date(2026, 11, 1), date(2026, 11, 8))) == ["auto", "hour", "day"]
    assert grains_of(Period(date(2020, 1, 1), date(2026, 1, 1))) == ["auto", "week", "month"]


def test_a_name_in_markdown_is_only_a_name() -> None:
    assert markup.plain("![x](http://a) *b*") == r"!\[x\](http\://a) \*b\*"
