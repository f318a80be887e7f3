"""Where a payment's money is: held, billed or given back, to the last cent. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

Kind = Literal["paid", "billed", "credited", "refunded"]
# Which sum a movement changes, and which way.
_CHANGES: dict[Kind, tuple[str, int]] = {
    "paid": ("paid", 1),
    "billed": ("billed", 1),
    "credited": ("billed", -1),
    "refunded": ("refunded", 1),
}


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
        """The balance after a movement. Raises `LedgerError` where more goes out than is there."""
        if amount < 0:
            raise LedgerError(f"{kind}: {amount} is less than nothing")
        there = self.billed if kind == "credited" else self.held
        if kind != "paid" and amount > there:
            raise LedgerError(f"{kind}: {amount} is more than the {there} that is there")
        name, sign = _CHANGES[kind]
        return replace(self, **{name: getattr(self, name) + sign * amount})
