"""Utilisation, with the worked numbers of its source."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from db.analytics.congestion import Congestion, congested
from db.analytics.utilisation import Use


def test_v3a_two_sessions_on_a_day() -> None:
    use = Use(
        occupied=timedelta(minutes=120 + 60),
        charging=timedelta(minutes=90 + 60),
        open=timedelta(days=1),
        energy_wh=35_000,
        deliverable_wh=22_000 * 24,
    )
    assert use.occupied_share == pytest.approx(0.125)
    assert use.charging_share == pytest.approx(0.1041667, abs=1e-7)
    assert use.idle_share == pytest.approx(0.0208333, abs=1e-7)
    assert use.capacity_factor == pytest.approx(0.0662879, abs=1e-7)


def test_without_open_time_there_is_no_rate() -> None:
    use = Use(timedelta(), timedelta(), timedelta())
    assert use.occupied_share is use.charging_share is use.idle_share is use.capacity_factor is None
    assert Congestion().share is None


def _congested(*times: tuple[int, int, int], ports: list[int]) -> list[tuple[int, int, int]]:
    """Of times (port, from, until); `ports` has the site of each port."""
    columns = (np.array(column, np.int64) for column in zip(*times, strict=True))
    found = congested(*columns, np.array(ports), np.bincount(ports))  # type: ignore[call-arg, arg-type]
    return list(zip(*(each.tolist() for each in found), strict=True))


def test_a_site_is_congested_while_every_connector_is_occupied() -> None:
    assert _congested((0, 8, 12), (0, 11, 14), (1, 10, 18), ports=[0, 0]) == [(0, 10, 14)]


def test_a_connector_that_is_never_used_keeps_its_site_free() -> None:
    assert _congested((0, 8, 12), ports=[0, 0]) == []


def test_each_site_is_congested_by_its_own_connectors() -> None:
    times = ((0, 8, 12), (1, 8, 10), (2, 9, 11), (1, 9, 9))
    assert _congested(*times, ports=[0, 1, 1]) == [(0, 8, 12), (1, 9, 10)]
