"""The decisions behind the dashboard: addresses, attempts, periods, figures in words."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Thread

import pytest
from factories import make_store
from sqlalchemy import Engine, func, select

from dashboard import formats, markup
from dashboard.figures import Metric, beside, buckets
from dashboard.gate import attempts, rules, signing
from dashboard.periods import dates_of, has_data, period_of
from db.analytics.scope import Period
from db.analytics.series import DayPoint
from db.engine import writing
from db.models import SignInFailure

TODAY = date(2026, 3, 10)
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize("path", ["/", "/live", "/sessions?station=3&period=7d"])
def test_a_path_of_ours_may_follow_the_sign_in(path: str) -> None:
    assert rules.local_path(path) == path


@pytest.mark.parametrize(
    "target",
    ["//evil", "///evil", "/\\evil", "\\\\evil", "https://evil", "javascript:alert(1)", "/\n/evil", "", "x"],
)
def test_anything_else_leads_to_the_landing_page(target: str) -> None:
    assert rules.local_path(target) == "/"


def test_signing_in_never_leads_back_to_signing_out() -> None:
    assert rules.local_path("/logout") == "/"


def test_an_origin_on_another_port_is_foreign() -> None:
    assert not rules.is_own_origin("http://localhost:9000", "localhost:8501")


def test_streamlits_scripts_are_open_but_nothing_beside_them() -> None:
    assert rules.is_open("/static/js/index.js") and not rules.is_open("/static/../media/x")


def test_a_signature_is_good_for_one_purpose_only() -> None:
    assert signing.unsign(signing.sign("token", "secret", "session"), "secret", "other") is None


def test_attempts_end_after_the_fifth_failure_until_a_quarter_of_an_hour_has_passed(tmp_path: Path) -> None:
    engine = make_store(tmp_path)
    with writing(engine) as store:
        for minute in range(5):
            at = NOW + timedelta(minutes=minute)
            assert attempts.register(store, "admin", "10.0.0.1", at) is None
        later = NOW + timedelta(minutes=5)
        assert attempts.register(store, "ADMIN", "10.0.0.2", later) == NOW + timedelta(minutes=15)
        assert attempts.register(store, "admin", "10.0.0.2", NOW + timedelta(minutes=15)) is None


def test_attempts_at_the_same_time_are_counted_one_after_the_other(engine: Engine) -> None:
    outcomes: list[datetime | None] = []

    def attempt() -> None:
        with writing(engine) as store:
            outcomes.append(attempts.register(store, "admin", "10.0.0.1", NOW))

    another = Thread(target=attempt)
    with writing(engine) as store:
        for _ in range(5):
            attempts.register(store, "admin", "10.0.0.1", NOW)
        another.start()
        # It waits for us; if it did not, it would be through by then.
        another.join(0.3)
    another.join()
    assert outcomes == [NOW + timedelta(minutes=15)]


def test_failures_are_kept_for_longer_than_they_count(engine: Engine) -> None:
    with writing(engine) as store:
        attempts.register(store, "admin", "10.0.0.1", NOW)
        attempts.register(store, "admin", "10.0.0.1", NOW + timedelta(days=1))
        assert store.scalar(select(func.count()).select_from(SignInFailure)) == 2


def test_failures_of_a_clock_that_was_ahead_lock_nobody_out(tmp_path: Path) -> None:
    with writing(make_store(tmp_path)) as store:
        for _ in range(5):
            assert attempts.register(store, "admin", "10.0.0.1", NOW + timedelta(days=1)) is None
        assert attempts.register(store, "admin", "10.0.0.1", NOW) is None


def test_seven_days_are_today_and_the_six_before() -> None:
    assert period_of("7d", TODAY, None) == Period(date(2026, 3, 4), date(2026, 3, 11))


def test_twelve_months_begin_on_the_day_after_todays_day_a_year_ago() -> None:
    assert period_of("12m", TODAY, None) == Period(date(2025, 3, 11), date(2026, 3, 11))


def test_all_reaches_from_the_first_day_known_to_today() -> None:
    history = (date(2018, 4, 25), date(2021, 9, 14))
    assert period_of("all", TODAY, history) == Period(date(2018, 4, 25), date(2026, 3, 11))


def test_a_custom_period_holds_both_its_days() -> None:
    assert period_of("custom", TODAY, None, (date(2026, 1, 1), date(2026, 1, 31))).days == 31


def test_dates_in_the_address_may_come_in_any_order_but_not_after_today() -> None:
    assert dates_of("2027-01-01", "2026-03-01", TODAY) == (date(2026, 3, 1), TODAY)


def test_a_date_that_is_none_is_ignored() -> None:
    assert dates_of("2026-02-30", "2026-03-01", TODAY) is None


def test_a_period_before_all_history_has_no_data() -> None:
    history = (date(2026, 1, 1), date(2026, 2, 1))
    assert not has_data(Period(date(2025, 1, 1), date(2026, 1, 1)), history, observed=False)


def test_a_quiet_day_within_history_is_a_measurement() -> None:
    history = (date(2026, 1, 1), date(2026, 2, 1))
    assert has_data(Period(date(2026, 1, 10), date(2026, 1, 11)), history, observed=False)


@pytest.mark.parametrize(
    ("wh", "text"),
    [
        (0, "0.0\u00a0kWh"),
        (12_345, "12.3\u00a0kWh"),
        (999_949, "999.9\u00a0kWh"),
        (999_950, "1.0\u00a0MWh"),
        (442_037_230, "442.0\u00a0MWh"),
        (3_210_000_000, "3.2\u00a0GWh"),
    ],
)
def test_energy_is_written_in_the_unit_that_suits_it(wh: int, text: str) -> None:
    assert str(formats.energy(wh)) == text


def test_exact_energy_keeps_every_watt_hour() -> None:
    assert formats.exact_energy(442_037_230) == "442,037.230\u00a0kWh"


def test_times_name_the_clock_that_they_are_on() -> None:
    assert formats.local_time(NOW, "Africa/Addis_Ababa") == "10 Mar 2026, 15:00 EAT"


def test_days_of_one_month_name_it_once() -> None:
    assert formats.days(date(2026, 3, 4), date(2026, 3, 11)) == "4 – 10 Mar 2026"


def test_a_name_cannot_become_markup() -> None:
    bar = markup.Bar(label="<img src=x>", value="1", detail="", part=1)
    assert "<img" not in markup.bars([bar])


def _day(n: int) -> DayPoint:
    return DayPoint(date(2024, 1, 1) + timedelta(days=n), 1, 0, 1000, Decimal(10), None, None)


@pytest.mark.parametrize(("days", "length"), [(90, "Daily"), (366, "Weekly"), (1200, "Monthly")])
def test_long_periods_are_drawn_in_longer_bars_with_the_same_sum(days: int, length: str) -> None:
    found, bars = buckets(
        [_day(n) for n in range(days)], Metric("Sessions", "", lambda day: day.sessions, ",d")
    )
    assert (found, sum(bar.value for bar in bars)) == (length, days)


def test_the_newest_week_is_a_whole_one() -> None:
    _, bars = buckets([_day(n) for n in range(366)], Metric("Sessions", "", lambda day: day.sessions, ",d"))
    assert (bars[0].value, bars[-1].value) == (2, 7)


@pytest.mark.parametrize("grain", ["day", "week", "month"])
def test_beside_each_bar_are_as_many_days_of_the_period_before(grain: str) -> None:
    metric = Metric("Sessions", "", lambda day: day.sessions, ",d")
    _, bars = buckets([_day(n) for n in range(74, 274)], metric, grain)
    earlier = beside(bars, [_day(n) for n in range(-126, 74)], metric)
    assert [bar.value for bar in earlier] == [bar.value for bar in bars]
    assert (earlier[0].first, earlier[-1].last) == (_day(-126).day, _day(73).day)
