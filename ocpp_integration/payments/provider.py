"""What takes the money: the interface of a provider, and what can go wrong with it.

PaymentError
├── ProviderRefused    it said no, and why
├── ProviderDown       it could not be reached: nothing was done
└── ProviderSilent     it may have been reached, but no usable answer came
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Protocol

from ocpp_integration.errors import IntegrationError


class PaymentError(IntegrationError):
    code = "payment_failed"


class ProviderRefused(PaymentError):
    code = "provider_refused"


class ProviderDown(PaymentError):
    code = "provider_down"


class ProviderSilent(PaymentError):
    code = "provider_silent"


@dataclass(frozen=True)
class Order:
    """What a driver is to pay. Then its browser goes to `return_url`; the provider calls `callback_url`."""

    reference: str
    amount: Decimal
    currency: str
    phone: str
    callback_url: str
    return_url: str


@dataclass(frozen=True)
class Verified:
    """What the provider itself says of a payment; `status` is pending also where it does not know it yet.
    `provider_reference` is what it calls the payment.
    """

    status: Literal["pending", "success", "failed"]
    reference: str
    amount: Decimal | None = None
    currency: str | None = None
    provider_reference: str | None = None

    def pays(self, reference: str, amount: Decimal, currency: str) -> bool:
        told = (self.status, self.reference, self.amount, self.currency)
        return told == ("success", reference, amount, currency)


class Provider(Protocol):
    """Each call may raise a `PaymentError`, and may take seconds: none is made inside a transaction."""

    name: str

    def initialize(self, order: Order) -> str:
        """Announce a payment; the address where the driver makes it."""

    def verify(self, reference: str) -> Verified: ...

    def refund(self, reference: str, amount: Decimal) -> None:
        """Give back so much of a payment. Not to be repeated where no answer came."""
