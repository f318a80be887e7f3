"""What the simulator says of what it did."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from simulator.diary import Diary
from simulator.messages import Stopped, Transaction

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "nothing; 0.000 kWh"), (1, "1 transaction; 1.500 kWh"), (2, "2 transactions; 3.000 kWh")],
)
def test_the_summary_counts_in_words(count: int, said: str) -> None:
    diary = Diary()
    for _ in range(count):
        stop = Stopped(Transaction("key", 1, "TAG", 1000, NOON), NOON, 2500, "Local")
        diary.transaction("STATION_1", stop, delivered=True)
    assert diary.summary() == said
