"""What a charge costs. Pure: a tariff and what the meter said in, a bill with its lines out.

Tariffs are those of OCPI 2.2.1, whose simplest is a price per kWh. Volumes are exact fractions until they
stand on a bill, and each total is rounded half up, once.
"""

from __future__ import annotations

from ocpp_integration.pricing.bill import Bill, Line, price
from ocpp_integration.pricing.plain import EnergyBill, energy_bill
from ocpp_integration.pricing.tariff import (
    WHOLE,
    InvalidTariff,
    PriceComponent,
    TariffDocument,
    parse,
    plain,
)
from ocpp_integration.pricing.usage import Reading, Reservation, Stretch, Usage

__all__ = [
    "WHOLE",
    "Bill",
    "EnergyBill",
    "InvalidTariff",
    "Line",
    "PriceComponent",
    "Reading",
    "Reservation",
    "Stretch",
    "TariffDocument",
    "Usage",
    "energy_bill",
    "parse",
    "plain",
    "price",
]
