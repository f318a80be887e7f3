"""A refusal that comes again and again is told rarely, and how often it came is not lost."""

from __future__ import annotations

from ocpp_backend.refusals import Refusals


def test_it_is_told_at_first_and_then_counted_for_ten_minutes() -> None:
    now = 0.0
    refusals = Refusals(clock=lambda: now)
    assert refusals.count("A") == 1
    for _ in range(3):
        now += 100
        assert refusals.count("A") is None
    now = 600.0
    assert refusals.count("A") == 4
    assert refusals.count("A") is None


def test_each_is_counted_by_itself() -> None:
    refusals = Refusals(clock=lambda: 0.0)
    assert [refusals.count(what) for what in ("A", "B", "A")] == [1, 1, None]


def test_those_that_came_long_ago_are_forgotten_first() -> None:
    refusals = Refusals(clock=lambda: 0.0)
    for number in range(10_002):
        refusals.count(number)
    assert refusals.count(0) == 1
    assert refusals.count(10_001) is None
