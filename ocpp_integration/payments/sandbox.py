"""A provider of play money in our own store: the whole way from code to refund, on one machine.

Its page takes the decision (`decide`), a job sends its callbacks, signed as Chapa signs and over HTTP.
"""

from __future__ import annotations

from decimal import Decimal

import orjson
from sqlalchemy import Engine, select

from db.engine import reading, writing
from db.models import SandboxPayment
from ocpp_integration.payments.attempts import CALLBACK
from ocpp_integration.payments.provider import Order, ProviderRefused, ProviderSilent, Verified
from ocpp_integration.payments.signature import HEADER, sign
from ocpp_integration.transport import HttpTransport, Transport, TransportError

PAGE = "/sandbox/checkout/"
_SECONDS = 10.0


class Sandbox:
    name = "sandbox"

    def __init__(self, engine: Engine, url: str):
        self._engine = engine
        self._url = url

    def initialize(self, order: Order) -> str:
        with writing(self._engine) as store:
            if store.get(SandboxPayment, order.reference) is not None:
                raise ProviderRefused("The sandbox has a payment of this reference.")
            store.add(
                SandboxPayment(
                    reference=order.reference,
                    amount=order.amount,
                    currency=order.currency,
                    return_url=order.return_url,
                )
            )
        return f"{self._url}{PAGE}{order.reference}/"

    def verify(self, reference: str) -> Verified:
        with reading(self._engine) as store:
            found = store.get(SandboxPayment, reference)
        if found is None or found.status == "pending":
            return Verified("pending", reference)
        is_paid = found.status == "success"
        return Verified("success" if is_paid else "failed", found.reference, found.amount, found.currency)

    def refund(self, reference: str, amount: Decimal) -> None:
        with writing(self._engine) as store:
            found = store.get(SandboxPayment, reference, with_for_update=True)
            if found is None or found.status != "success" or amount > found.amount - found.refunded:
                raise ProviderRefused("The sandbox has no such sum of this payment.")
            found.refunded += amount


def find(engine: Engine, reference: str) -> SandboxPayment | None:
    with reading(engine) as store:
        return store.get(SandboxPayment, reference)


def decide(engine: Engine, reference: str, *, pays: bool) -> SandboxPayment | None:
    """What the driver does at the sandbox's page. Only the first decision counts; None: no such payment."""
    with writing(engine) as store:
        found = store.get(SandboxPayment, reference, with_for_update=True)
        if found is not None and found.status == "pending":
            found.status, found.callback_due = "success" if pays else "failed", True
        return found


def callback(payment: SandboxPayment, secret: str) -> tuple[bytes, dict[str, str]]:
    """Body and headers of the callback for a decided payment."""
    body = orjson.dumps(
        {
            "event": f"charge.{payment.status}",
            "tx_ref": payment.reference,
            "amount": f"{payment.amount:.2f}",
            "currency": payment.currency,
            "status": payment.status,
        }
    )
    return body, {"Content-Type": "application/json", HEADER: sign(secret, body)}


def send_callbacks(engine: Engine, receiver_url: str, secret: str, *, http: Transport | None = None) -> int:
    """Send the callbacks that are due; returns how many. One that the receiver does not take stays due."""
    with reading(engine) as store:
        due = store.scalars(select(SandboxPayment).where(SandboxPayment.callback_due)).all()
    http = http or HttpTransport(receiver_url, seconds=_SECONDS)
    for payment in due:
        body, headers = callback(payment, secret)
        try:
            answer = http.exchange("POST", CALLBACK, body=body, headers=headers)
        except TransportError as error:
            raise ProviderSilent(f"The receiver {error}.") from error
        if answer.status != 200:
            raise ProviderSilent(f"The receiver answered a callback of the sandbox with {answer.status}.")
        with writing(engine) as store:
            store.get_one(SandboxPayment, payment.reference).callback_due = False
    return len(due)
