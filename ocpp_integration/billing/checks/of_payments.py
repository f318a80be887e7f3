"""Checks of payments at codes, against the sessions that they were for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, or_, select, type_coerce
from sqlalchemy.orm import Session

from db.analytics.ended import counted
from db.models import ChargingSession, ChargingStation, OCPPConnector, OCPPStation, Payment
from ocpp_integration.billing.booked import GROSS
from ocpp_integration.billing.checks.check import Found, Watched, of_session, sessions
from ocpp_integration.payments.attempts import REFERENCES
from ocpp_integration.payments.charging_work import METHOD, START_WITHIN

# One part of so many of what was paid.
_LITTLE = 50
# Longer than jobs and the payment provider take to bill a session or to give money back.
_SETTLED_WITHIN = timedelta(hours=1)


def paid_without_session(store: Session, watched: Watched) -> Iterator[Found]:
    """Payments are looked at whenever they were made. Their references are not told: they let in to the
    driver's page.
    """
    payment, session = Payment, ChargingSession
    query = (
        select(payment, OCPPStation.id.label("station_pk"), ChargingStation.owner_id)
        .join(OCPPConnector, payment.ocpp_connector_id == OCPPConnector.id)
        .join(OCPPStation, OCPPConnector.ocpp_station_id == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .outerjoin(session, session.transaction_id == payment.transaction_id)
        .where(session.id.is_(None), or_(payment.held > 0, payment.billed > 0))
        .order_by(payment.id)
    )
    rows = [row for row in store.execute(query).all() if not _is_waited_for(row.Payment, watched.now)]
    came = _that_came(store, [row.Payment for row in rows])
    for row in rows:
        one: Payment = row.Payment
        if one.reference not in came:
            words = (
                f"Payment {one.id} ({one.state}): {one.billed:,.2f} billed and {one.held:,.2f} held of "
                f"{one.paid:,.2f} {one.currency}, and there is no session"
            )
            amount = one.billed + one.held
            yield Found(str(one.id), row.owner_id, one.currency, words, amount, row.station_pk)


def _that_came(store: Session, payments: Sequence[Payment]) -> set[str | None]:
    """The references of those for which there is a session all the same: at their connector, if anywhere."""
    if not payments:
        return set()
    reference = ChargingSession.payment_transaction_id
    at_connectors = ChargingSession.ocpp_connector_id.in_({each.ocpp_connector_id for each in payments})
    named = reference.in_([each.reference for each in payments])
    return set(store.scalars(select(reference).where(at_connectors, named)))


def _is_waited_for(payment: Payment, now: datetime) -> bool:
    """Whether a session may still come, or the refund is under way."""
    if payment.settled_at is None:
        return payment.paid_at is not None and now < payment.paid_at + START_WITHIN
    return payment.refund_state in ("due", "sent") and now < payment.settled_at + _SETTLED_WITHIN


def session_without_payment(store: Session, watched: Watched) -> Iterator[Found]:
    """Sessions that another system took the payment for have references of its own: they are left out."""
    session, payment = ChargingSession, Payment
    query = (
        sessions(session.cost, session.stop_time, session.heard_at, session.plugged_until, payment)
        .outerjoin(payment, payment.reference == session.payment_transaction_id)
        .where(
            counted(),
            watched.of(),
            session.source == "backend",
            session.payment_method == METHOD,
            session.payment_transaction_id.like(REFERENCES),
            or_(payment.id.is_(None), type_coerce(payment.billed, BigInteger) != GROSS),
        )
    )
    for row in store.execute(query):
        one: Payment | None = row.Payment
        cost = row.cost or Decimal(0)
        if one is None:
            yield of_session(row, "It was begun as paid in advance, and there is no such payment", cost)
        elif (one.settled_at and not one.rebill_at) or watched.now >= _billed_by(row):
            words = (
                f"It costs {cost:,.2f}, and {one.billed:,.2f} {one.currency} of payment {one.id} were billed"
            )
            yield of_session(row, words, abs(cost - one.billed))


def _billed_by(row: Any) -> datetime:
    """Whose car stays plugged in is billed when it is gone."""
    known: datetime = max(row.stop_time, row.heard_at, row.plugged_until or row.stop_time)
    return known + _SETTLED_WITHIN


def beyond_prepaid(store: Session, watched: Watched) -> Iterator[Found]:
    """Energy goes on to flow for the seconds until a stop takes hold: so little is looked over."""
    session, payment = ChargingSession, Payment
    query = (
        sessions(payment)
        .join(payment, payment.transaction_id == session.transaction_id)
        .where(
            counted(),
            watched.of(),
            type_coerce(payment.written_off, BigInteger) * _LITTLE > type_coerce(payment.paid, BigInteger),
        )
    )
    for row in store.execute(query):
        one: Payment = row.Payment
        words = f"{one.paid:,.2f} {one.currency} were paid, and {one.written_off:,.2f} more would be due"
        yield of_session(row, words, one.written_off)
