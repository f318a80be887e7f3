"""The network in which everything goes wrong, for a short while; `benchmarks faults` is the long run."""

from __future__ import annotations

import pytest

from benchmarks import faults


@pytest.mark.timeout(400)
def test_every_watt_hour_is_accounted_for_although_the_backend_is_killed() -> None:
    result = faults.main(["--minutes", "10", "--kills", "1"])
    assert result["transactions"] > 5
    assert result["diary_wh"] > 0
    assert result["kills"] == 1
    assert (result["differences"], result["open"]) == (0, 0)
