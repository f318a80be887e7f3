"""Payments in the store: one worker at a time is at one, and each movement of money happens once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Engine, func, or_, select, update
from sqlalchemy.orm import Session

from db.engine import writing
from db.models import Payment, PaymentMovement
from ocpp_integration.payments.ledger import Balance, Kind

# Longer than any call to a provider or a charge point takes.
LEASE = timedelta(seconds=120)


def is_leased(payment: Payment, now: datetime) -> bool:
    """Whether a worker is at it. One that leased it for longer than any does had a clock that was ahead."""
    return payment.leased_until is not None and now < payment.leased_until <= now + 2 * LEASE


def balance(payment: Payment) -> Balance:
    return Balance(payment.paid, payment.billed, payment.refunded)


def move(store: Session, payment: Payment, kind: Kind, amount: Decimal, now: datetime) -> None:
    """Move money of a payment that the caller holds; row and sums change together."""
    after = balance(payment).moved(kind, amount)
    of_it = PaymentMovement.payment_id == payment.id
    before = store.scalar(select(func.count()).select_from(PaymentMovement).where(of_it)) or 0
    store.add(PaymentMovement(payment_id=payment.id, number=before + 1, kind=kind, amount=amount, at=now))
    payment.paid, payment.billed, payment.refunded = after.paid, after.billed, after.refunded
    payment.held = after.held


def settle(store: Session, payment: Payment, cost: Decimal, now: datetime) -> None:
    """Have billed what was used, or all there is, and the rest given back: the end of what was paid.

    Once more where the cost is another now: then what was billed too much is credited, and given back, too.
    """
    more = min(payment.held, max(Decimal(0), cost) - payment.billed)
    if more:
        move(store, payment, "billed" if more > 0 else "credited", abs(more), now)
    payment.state, payment.settled_at, payment.rebill_at = "settled", now, None
    payment.refund_state = "due" if payment.held else "done" if payment.refunded else None
    payment.due_at = now if payment.held else None


def by_reference(store: Session, reference: str, *, lock: bool = False) -> Payment | None:
    query = select(Payment).where(Payment.reference == reference)
    return store.scalar(query.with_for_update() if lock else query)


@contextmanager
def leased(engine: Engine, payment_id: int, now: datetime) -> Iterator[Payment | None]:
    """The payment, to be worked on with calls in between; None where another worker is at it."""
    # See `is_leased`.
    free = or_(
        Payment.leased_until.is_(None), Payment.leased_until <= now, Payment.leased_until > now + 2 * LEASE
    )
    until = now + LEASE
    with writing(engine) as store:
        taken = store.scalar(
            update(Payment)
            .where(Payment.id == payment_id, free)
            .values(leased_until=until)
            .returning(Payment.id)
        )
        payment = store.get(Payment, payment_id) if taken else None
    try:
        yield payment
    finally:
        if taken:
            with writing(engine) as store:
                store.execute(
                    update(Payment)
                    .where(Payment.id == payment_id, Payment.leased_until == until)
                    .values(leased_until=None)
                )


@contextmanager
def held(engine: Engine, payment_id: int) -> Iterator[tuple[Session, Payment]]:
    """A transaction in which nobody else changes the payment."""
    with writing(engine) as store:
        yield store, store.get_one(Payment, payment_id, with_for_update=True)
