"""What charging spares the air. Pure."""

from __future__ import annotations

from decimal import Decimal


def co2e_saved_kg(energy_wh: int, kg_per_kwh: Decimal | None) -> Decimal | None:
    """Energy delivered times the installation's factor (setting `co2e_kg_per_kwh`); None where there is none.

    Atlas: CO2e = energy * coefficient. The coefficient depends on the cars that are not driven and on the
    grid, so that no default would be true for everybody.
    """
    return None if kg_per_kwh is None else Decimal(energy_wh).scaleb(-3) * kg_per_kwh
