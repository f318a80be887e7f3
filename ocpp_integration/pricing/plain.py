"""The fast way for the simplest tariff: most sessions are priced by it, many in one transaction.

It comes to what `price` makes of `plain`, which a test holds it to.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

_CENT = Decimal("0.01")


@dataclass(frozen=True)
class EnergyBill:
    """`gross` is what the driver pays; `net` and `tax` add up to it exactly."""

    gross: Decimal
    tax: Decimal

    @property
    def net(self) -> Decimal:
        return self.gross - self.tax


def energy_bill(energy_wh: int, price_per_kwh: Decimal, vat_percent: Decimal) -> EnergyBill:
    """The bill for `energy_wh` at a price that contains VAT; each total rounded half up, once."""
    gross = (price_per_kwh * energy_wh / 1000).quantize(_CENT, ROUND_HALF_UP)
    tax = (gross * vat_percent / (100 + vat_percent)).quantize(_CENT, ROUND_HALF_UP)
    return EnergyBill(gross, tax)
