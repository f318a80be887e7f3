"""Words for what a connector is in, as all of us have them."""

from __future__ import annotations

# While a vehicle is plugged in; some vehicles have finished long ago.
PLUGGED_IN: frozenset[str] = frozenset(
    {"preparing", "charging", "suspended_ev", "suspended_evse", "finishing"}
)
