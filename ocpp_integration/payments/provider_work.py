"""What becomes of a payment at its provider: whether it was made, and what is given back.

A callback is only a hint to ask at once. What the provider says when it is asked counts, and it is asked also
where no callback ever comes.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from db import audit
from db.engine import reading, writing
from db.models import Payment, User
from ocpp_integration.payments.limits import limit
from ocpp_integration.payments.movements import by_reference, held, leased, move, settle
from ocpp_integration.payments.provider import (
    PaymentError,
    Provider,
    ProviderDown,
    ProviderRefused,
    Verified,
)

log = logging.getLogger(__name__)

_ASK_EVERY = timedelta(seconds=10)
# Somebody may pay at a page that was left open; where the callback of that is lost, these looks find it.
_LATE_LOOKS = (timedelta(hours=1), timedelta(hours=24), timedelta(days=7))
# What the provider may still say something new about.
_OPEN = ("pending", "failed", "expired")


def due(store: Session, now: datetime, limit: int = 200) -> Sequence[int]:
    """Ids of the payments that the provider is to be asked about, or for a refund."""
    return store.scalars(
        select(Payment.id).where(Payment.due_at <= now).order_by(Payment.due_at).limit(limit)
    ).all()


def ask_soon(engine: Engine, reference: str, now: datetime) -> bool:
    """Have the provider be asked about a payment now; False where there is none that it could change."""
    with writing(engine) as store:
        payment = by_reference(store, reference, lock=True)
        if payment is None or payment.state not in _OPEN:
            return False
        payment.due_at = now
        return True


def work(engine: Engine, provider: Provider, payment_id: int, now: datetime) -> None:
    """The next step of a payment with its provider. Raises a `PaymentError` where that did not answer."""
    with leased(engine, payment_id, now) as payment:
        if payment is None or payment.due_at is None or payment.due_at > now:
            return
        if payment.provider != provider.name:
            _give_up(engine, payment, f"It was made with {payment.provider}, which is not set up any more.")
        elif payment.state in _OPEN:
            _verify(engine, provider, payment, now)
        elif payment.refund_state == "due" and payment.rebill_at is not None:
            # First the bill that has changed: it may be another sum. Others are not kept waiting by it.
            _look_again(engine, payment, now)
        elif payment.refund_state in ("due", "sent"):
            _refund(engine, provider, payment, now)
        else:
            _rest(engine, payment)


def _verify(engine: Engine, provider: Provider, payment: Payment, now: datetime) -> None:
    try:
        told = provider.verify(payment.reference)
    except PaymentError:
        _look_again(engine, payment, now)
        raise
    with held(engine, payment.id) as (store, row):
        if row.state in _OPEN:
            _take(store, row, told, now)


def _look_again(engine: Engine, payment: Payment, now: datetime) -> None:
    with held(engine, payment.id) as (_, row):
        row.due_at = now + _ASK_EVERY


def _take(store: Session, payment: Payment, told: Verified, now: datetime) -> None:
    """Let what the provider says change the payment. Pure but for the movement."""
    payment.provider_reference = told.provider_reference or payment.provider_reference
    if told.pays(payment.reference, payment.amount, payment.currency):
        is_late = payment.state != "pending" or now >= payment.expires_at + _ASK_EVERY
        move(store, payment, "paid", payment.amount, now)
        payment.state, payment.paid_at, payment.due_at, payment.error = "paid", now, None, None
        if is_late:
            payment.error = "It was paid too late."
            settle(store, payment, Decimal(0), now)
    elif told.status == "success":
        payment.state, payment.due_at = "mismatched", None
        payment.error = f"The provider tells of {told.amount} {told.currency} for {told.reference}."
        is_for_it = (told.reference, told.currency) == (payment.reference, payment.currency)
        if told.amount is not None and told.amount > 0 and is_for_it:
            # Another sum, but it is there: somebody has to give it back.
            move(store, payment, "paid", told.amount, now)
            payment.refund_state, payment.paid_at = "by_hand", now
        log.error("payment %s: %s", payment.reference, payment.error)
    elif told.status == "failed":
        # Some providers let a driver try again at the same page.
        payment.state, payment.due_at = "failed", _next_late_look(payment, now)
        payment.error = "The provider says that it failed."
    elif now >= payment.expires_at:
        payment.state = "expired" if payment.state == "pending" else payment.state
        payment.due_at = _next_late_look(payment, now)
    else:
        payment.due_at = now + _ASK_EVERY


def _next_late_look(payment: Payment, now: datetime) -> datetime | None:
    looks = [payment.expires_at + after for after in _LATE_LOOKS]
    return min((at for at in looks if at > now), default=None)


def _refund(engine: Engine, provider: Provider, payment: Payment, now: datetime) -> None:
    """Ask for the refund once. Where no answer comes people look: asked twice, it might be made twice."""
    if payment.refund_state == "sent":
        _give_up(engine, payment, "Whether the refund was made is not known.")
        return
    # What is given back now cannot be billed any more.
    limit(engine, payment.transaction_id, payment.billed)
    with held(engine, payment.id) as (_, row):
        # Whoever was away for longer than its lease finds that another one asked.
        if row.refund_state != "due" or row.rebill_at is not None or row.held != payment.held:
            return
        row.refund_state = "sent"
    try:
        provider.refund(payment.reference, payment.held)
    except ProviderDown:
        with held(engine, payment.id) as (_, row):
            if row.refund_state == "sent":
                row.refund_state, row.due_at = "due", now + _ASK_EVERY
        raise
    except PaymentError as error:
        is_known = isinstance(error, ProviderRefused)
        _give_up(engine, payment, str(error) if is_known else f"{error} Whether it was made is not known.")
        raise
    record_refund(engine, payment.id, now)


def record_refund(
    engine: Engine, payment_id: int, now: datetime, *, by: User | None = None, note: str = ""
) -> bool:
    """What is held was given back: by the provider, or by hand as the admin `by` says, and how in a `note`;
    False where it is not to be.
    """
    with held(engine, payment_id) as (store, row):
        # Of some that are mismatched nothing is known to have come; people close them all the same.
        is_unbooked = by is not None and row.state == "mismatched" and row.refund_state is None
        if not is_unbooked and row.refund_state != ("by_hand" if by else "sent"):
            return False
        if by is not None:
            told = {"amount": f"{row.held:.2f} {row.currency}"} | ({"how": note} if note else {})
            audit.record(store, by, "record refund", row.reference, told, at=now)
        if row.held:
            move(store, row, "refunded", row.held, now)
        row.state, row.refund_state, row.due_at = "settled", "done", None
        row.settled_at = row.settled_at or now
        return True


def _give_up(engine: Engine, payment: Payment, reason: str) -> None:
    """Nobody but people can go on with it."""
    log.error("payment %s: %s", payment.reference, reason)
    if payment.refund_state == "due":
        limit(engine, payment.transaction_id, payment.billed)
    with held(engine, payment.id) as (_, row):
        row.due_at, row.error = None, reason
        if row.state == "pending":
            row.state = "expired"
        if row.refund_state in ("due", "sent"):
            row.refund_state = "by_hand"


def _rest(engine: Engine, payment: Payment) -> None:
    with held(engine, payment.id) as (_, row):
        row.due_at = None


def to_pay_out(engine: Engine) -> Sequence[Payment]:
    """Payments whose refund people have to make, or whose amount is another than was asked for."""
    with reading(engine) as store:
        return store.scalars(
            select(Payment)
            .where((Payment.refund_state == "by_hand") | (Payment.state == "mismatched"))
            .order_by(Payment.id)
        ).all()
