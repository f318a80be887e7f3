"""What the forms for tariffs hold, as the tariff or the session that they mean. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from ocpp_integration.pricing import Reading, Stretch, TariffDocument, Usage, parse


@dataclass(frozen=True)
class SimpleTariff:
    """Prices contain VAT. `other_price` holds from `other_from` to `other_until`, past midnight if need be;
    the idle fee is per hour, once `grace_minutes` are over, and the time fee per hour of charging.
    """

    currency: str
    price: Decimal
    vat: Decimal
    other_price: Decimal | None = None
    other_from: time = time(22)
    other_until: time = time(6)
    idle_fee: Decimal | None = None
    grace_minutes: int = 0
    session_fee: Decimal | None = None
    time_fee: Decimal | None = None

    def document(self) -> TariffDocument:
        """Raises `InvalidTariff`."""
        elements: list[dict[str, Any]] = []
        if self.other_price is not None:
            hours = {"start_time": f"{self.other_from:%H:%M}", "end_time": f"{self.other_until:%H:%M}"}
            other = [self._component("ENERGY", self.other_price)]
            elements.append({"price_components": other, "restrictions": hours})
        always = [self._component("ENERGY", self.price)]
        for kind, fee in (("FLAT", self.session_fee), ("TIME", self.time_fee)):
            if fee is not None:
                always.append(self._component(kind, fee))
        if self.idle_fee is not None:
            grace = {"grace_seconds": self.grace_minutes * 60}
            always.append(self._component("PARKING_TIME", self.idle_fee) | grace)
        elements.append({"price_components": always})
        return parse({"currency": self.currency, "tax_included": "YES", "elements": elements})

    def _component(self, kind: str, price: Decimal) -> dict[str, Any]:
        return {"type": kind, "price": price, "vat": self.vat, "step_size": 1}


def example(start: datetime, kwh: Decimal, charging: int, idle: int, timezone: str) -> Usage:
    """A session that charges evenly for `charging` minutes and then stands idle; `start` is aware."""
    began = start.astimezone(UTC)
    full = began + timedelta(minutes=charging)
    end = full + timedelta(minutes=idle)
    wh = int(kwh * 1000)
    pauses = (Stretch("idle", full, end),) if idle else ()
    return Usage((Reading(began, 0), Reading(full, wh), Reading(end, wh)), timezone, pauses)
