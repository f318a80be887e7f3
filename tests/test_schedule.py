"""When jobs are due: intervals and cron expressions, read from settings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schedule import Schedule

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)  # a Tuesday


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "following"),
    [
        ("60", "2026-03-10 12:01"),
        ("*/5 * * * *", "2026-03-10 12:05"),
        ("0 12 * * *", "2026-03-11 12:00"),
        ("30 3 * * *", "2026-03-11 03:30"),
        ("0 0 * * 0", "2026-03-15 00:00"),
        ("0 0 * * 7", "2026-03-15 00:00"),
        ("0 0 * * sun", "2026-03-15 00:00"),
        ("0 0 * * 1-5", "2026-03-11 00:00"),
        ("0 0 * * fri-mon", "2026-03-13 00:00"),
        ("0 0 * * 6-7", "2026-03-14 00:00"),
        ("0 0 * * 0-7", "2026-03-11 00:00"),
        ("0 0 * * 7-1", "2026-03-15 00:00"),
        ("0 0 * * */2", "2026-03-12 00:00"),
        ("0 0 1 * *", "2026-04-01 00:00"),
        ("0 0 29 2 *", "2028-02-29 00:00"),
    ],
)
def test_the_next_run_is_due_when_a_crontab_says_so(told: str, following: str) -> None:
    assert Schedule.parse(told).next_after(NOON) == at(following)


@pytest.mark.parametrize("told", ["1", "60", "600", "*/5 * * * *", "7 3 * * 1,3", "0 0 1 1 *", "* 3 * * *"])
@given(seconds=st.floats(0, 10**8))
def test_every_moment_is_in_the_slot_that_lies_between_two_dues(told: str, seconds: float) -> None:
    schedule, moment = Schedule.parse(told), NOON + timedelta(seconds=seconds)
    slot = schedule.slot_of(moment)
    assert slot <= moment < schedule.next_after(moment)
    assert schedule.next_after(slot) == schedule.next_after(moment)
    assert schedule.slot_of(slot) == slot


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("often", "'often' is no schedule"),
        ("0", "too often"),
        ("1e12", "too seldom"),
        ("nan", "too often"),
        ("* * * *", "five fields"),
        ("60 * * * *", "higher than the maximum"),
        ("0 0 * * 8", "no day of the week"),
        ("0 0 31 2 *", "never comes"),
    ],
)
def test_what_is_no_schedule_is_refused_with_the_reason_and_the_convention(told: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refusal:
        Schedule.parse(told)
    assert "*/5 * * * *" in str(refusal.value)


@pytest.mark.parametrize("told", ["60", "*/5 * * * *"])
def test_a_schedule_reads_as_it_was_written(told: str) -> None:
    assert str(Schedule.parse(told)) == told
