"""Where a payment's money is: held, billed or given back, to the last cent. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

Kind = Literal["paid", "billed", "refunded"]


class LedgerError(ValueError):
    """The movement would make or lose money."""


@dataclass(frozen=True)
class Balance:
    """`paid` came in; of it so much is `billed` and `refunded`, and the rest is `held`."""

    paid: Decimal = Decimal(0)
    billed: Decimal = Decimal(0)
    refunded: Decimal = Decimal(0)

    @property
    def held(self) -> Decimal:
        return self.paid - self.billed - self.refunded

    def moved(self, kind: Kind, amount: Decimal) -> Balance:
        """The balance after a movement. Raises `LedgerError` where more goes out than is held."""
        if amount < 0:
            raise LedgerError(f"{kind}: {amount} is less than nothing")
        if kind != "paid" and amount > self.held:
            raise LedgerError(f"{kind}: {amount} is more than the {self.held} that is held")
        return replace(self, **{kind: getattr(self, kind) + amount})
