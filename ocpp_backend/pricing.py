"""What a transaction costs, as far as the backend knows its connector's price."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

_CENT = Decimal("0.01")


def cost(energy_wh: int, price_per_kwh: Decimal | None) -> Decimal | None:
    """Two places, rounded half up; None where there is no price, which is not the same as free."""
    if price_per_kwh is None:
        return None
    return (Decimal(energy_wh) / 1000 * price_per_kwh).quantize(_CENT, ROUND_HALF_UP)
