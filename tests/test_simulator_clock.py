"""Simulated time: at most the wall clock's, faster than it until it has caught up."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from simulator.clock import Clock

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Wall:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def test_at_speed_one_it_is_the_wall_clock() -> None:
    wall = Wall()
    clock = Clock(wall_clock=wall)
    wall.now += timedelta(minutes=3)
    assert clock.now() == wall.now


def test_it_begins_the_hours_before_now() -> None:
    assert Clock(speed=60, hours=6, wall_clock=Wall()).now() == NOON - timedelta(hours=6)


def test_it_runs_at_its_speed() -> None:
    wall = Wall()
    clock = Clock(speed=60, hours=6, wall_clock=wall)
    wall.now += timedelta(minutes=1)
    assert clock.now() == NOON - timedelta(hours=5)


@pytest.mark.parametrize("minutes", [6, 7, 60, 10_000])
def test_it_is_never_ahead_of_the_wall_clock(minutes: int) -> None:
    wall = Wall()
    clock = Clock(speed=61, hours=6, wall_clock=wall)
    wall.now += timedelta(minutes=minutes)
    assert clock.now() == wall.now


def test_a_sleep_ends_when_simulated_time_has_come() -> None:
    async def wake() -> bool:
        clock = Clock(speed=600, hours=1)
        before = clock.now()
        await clock.sleep(60)
        return clock.now() - before >= timedelta(seconds=60)

    assert asyncio.run(wake())


def test_waiting_tells_whether_the_event_came() -> None:
    async def wait() -> tuple[bool, bool]:
        clock, event = Clock(speed=600, hours=1), asyncio.Event()
        early = await clock.wait(event, clock.now() + timedelta(seconds=30))
        event.set()
        return early, await clock.wait(event, clock.now() + timedelta(hours=100))

    assert asyncio.run(wait()) == (False, True)
