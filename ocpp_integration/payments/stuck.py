"""Payments that are in a state for longer than they may be: a table of what that is, and what mends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import BigInteger, ColumnElement, and_, func, or_, select, type_coerce
from sqlalchemy.orm import Session

from db.analytics.outcome import ENDED_STATUSES
from db.columns import from_minor
from db.models import ChargingSession, Payment
from db.models.sessions import is_running
from ocpp_integration.payments import parking
from ocpp_integration.payments.charging_work import START_WITHIN

# Longer than jobs, providers and charge points take where all of them work.
_PATIENCE = timedelta(hours=1)


@dataclass(frozen=True)
class Rule:
    """`title` is what they wait for, `mend` who has to do what."""

    title: str
    mend: str
    holds: Callable[[datetime], ColumnElement[bool]]


@dataclass(frozen=True)
class Stuck:
    """So many payments of a currency; `amount` is what is held of them."""

    rule: Rule
    payments: int
    amount: Decimal
    currency: str


def stuck(store: Session, now: datetime) -> Iterator[Stuck]:
    """In the order of the rules."""
    session = ChargingSession
    for rule in RULES:
        held = func.coalesce(func.sum(type_coerce(Payment.held, BigInteger)), 0)
        rows = store.execute(
            select(Payment.currency, func.count(), held)
            .outerjoin(session, session.transaction_id == Payment.transaction_id)
            .where(rule.holds(now))
            .group_by(Payment.currency)
            .order_by(Payment.currency)
        )
        for currency, number, amount in rows:
            yield Stuck(rule, number, from_minor(int(amount)), currency)


def under_way(store: Session) -> int:
    """How many payments somebody still has to do something about."""
    is_open = Payment.state.in_(("pending", "paid", "charging", "mismatched"))
    query = select(func.count()).select_from(Payment).where(or_(is_open, Payment.held > 0))
    return store.scalar(query) or 0


def _ended_before(at: datetime) -> ColumnElement[bool]:
    has_ended = ChargingSession.status.in_(sorted(ENDED_STATUSES))
    known = func.coalesce(ChargingSession.plugged_until, ChargingSession.stop_time)
    return and_(has_ended, known < at, ChargingSession.heard_at < at)


_IS_HELD_BACK = ChargingSession.verdict.is_not_distinct_from("held")
RULES = (
    Rule(
        "the provider was not asked about",
        "start the jobs process, and see there why the job `payments` fails",
        lambda now: and_(Payment.due_at < now - _PATIENCE, Payment.refund_state.is_(None)),
    ),
    Rule(
        "paid, and no charging began",
        "see why the job `prepaid` fails; the OCPP backend has to answer before the money is given back",
        lambda now: and_(Payment.state == "paid", Payment.paid_at < now - START_WITHIN - _PATIENCE),
    ),
    Rule(
        "charging is over, and the session is held back",
        "decide about it on the page Quarantine",
        lambda now: and_(Payment.state == "charging", _ended_before(now - _PATIENCE), _IS_HELD_BACK),
    ),
    Rule(
        "charging is over, and it is not billed",
        "see why the job `prepaid` fails",
        lambda now: and_(
            Payment.state == "charging",
            or_(ChargingSession.id.is_(None), _ended_before(now - _PATIENCE)),
            ~_IS_HELD_BACK,
        ),
    ),
    Rule(
        "charging for more than a day",
        "look at the charge point: it never told the end",
        lambda now: and_(
            Payment.state == "charging",
            is_running(),
            ChargingSession.start_time < now - parking.LONGEST,
        ),
    ),
    Rule(
        "the refund is not made",
        "see why the job `payments` fails, and whether the provider answers",
        lambda now: and_(Payment.refund_state.in_(("due", "sent")), Payment.settled_at < now - _PATIENCE),
    ),
    Rule(
        "people have to give it back",
        "`manage.py list-unsettled`, give it back at the provider, then `record-refund`",
        lambda _now: or_(Payment.refund_state == "by_hand", Payment.state == "mismatched"),
    ),
)
