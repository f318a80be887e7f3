"""What an admin does about a payment that does not go on by itself. Each of it happens once, and is audited.

Nothing here calls a provider or a charge point: the jobs do what follows.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from db import audit
from db.analytics.outcome import ENDED_STATUSES
from db.models import ChargingSession, Payment, User
from ocpp_integration.errors import IntegrationError, InvalidRequest
from ocpp_integration.payments import provider_work
from ocpp_integration.payments.charging_work import session_of
from ocpp_integration.payments.limits import limit
from ocpp_integration.payments.movements import held, is_leased, settle
from ocpp_integration.session_state import written_off

LONGEST_REASON = 300
_Act = Callable[[Session, Payment, datetime], dict[str, str]]


class NotNow(IntegrationError):
    """The payment is not, or no longer, in a state in which this can be done."""

    code = "not_now"


def retry_refund(engine: Engine, payment_id: int, by: User, reason: str, now: datetime) -> None:
    """Have the provider be asked for the refund again. Raises `NotNow` and `InvalidRequest`, as do the
    others.
    """
    _act(engine, payment_id, by, "retry refund", reason, now, _retry)


def record_refund(engine: Engine, payment_id: int, by: User, reason: str, now: datetime) -> None:
    """The money was given back by other means, as `reason` says."""
    note = _checked(reason)
    if not provider_work.record_refund(engine, payment_id, now, by=by, note=note):
        raise NotNow("Nothing of this payment is to be given back by hand (any more).")


def release(engine: Engine, payment_id: int, by: User, reason: str, now: datetime) -> None:
    """Bill nothing, and have all of it be given back."""
    released = _act(engine, payment_id, by, "release payment", reason, now, _release)
    # Nor is anything billed for what is told of its session from now on.
    limit(engine, released.transaction_id, Decimal(0))


def bill(engine: Engine, payment_id: int, by: User, reason: str, now: datetime) -> None:
    """Bill what its session costs, and have the rest be given back."""
    _act(engine, payment_id, by, "settle payment", reason, now, _bill)


def close(engine: Engine, payment_id: int, by: User, reason: str, now: datetime) -> None:
    """Somebody has seen to a payment of which the provider told another one, and of which nothing is held.

    It counts as settled: of one that failed the provider would be asked again.
    """
    _act(engine, payment_id, by, "close payment", reason, now, _close)


def _act(
    engine: Engine, payment_id: int, by: User, action: str, reason: str, now: datetime, act: _Act
) -> Payment:
    reason = _checked(reason)
    with held(engine, payment_id) as (store, row):
        if is_leased(row, now):
            raise NotNow("This payment is being worked on at this moment. Try again in a minute.")
        told = act(store, row, now)
        audit.record(store, by, action, row.reference, told | {"reason": reason}, at=now)
    return row


def _retry(_store: Session, row: Payment, now: datetime) -> dict[str, str]:
    if row.refund_state != "by_hand":
        raise NotNow("The refund of this payment did not fail, or was seen to already.")
    row.refund_state, row.due_at, row.error = "due", now, None
    return {"amount": _money(row.held, row)}


def _release(store: Session, row: Payment, now: datetime) -> dict[str, str]:
    _ended_session(store, row)
    amount = row.held
    settle(store, row, Decimal(0), now)
    row.error = "It was released by hand."
    return {"given back": _money(amount, row)}


def _bill(store: Session, row: Payment, now: datetime) -> dict[str, str]:
    session = _ended_session(store, row)
    if session is None or session.cost is None:
        raise NotNow("There is no session with a cost that this payment could be billed for.")
    if session.verdict == "held":
        raise NotNow("Its session is held back: accept or correct it in the quarantine first.")
    settle(store, row, session.cost, now)
    row.written_off = written_off(session)
    return {"billed": _money(row.billed, row)}


def _close(_store: Session, row: Payment, now: datetime) -> dict[str, str]:
    if row.state != "mismatched":
        raise NotNow("This payment is not waiting for somebody to check it (any more).")
    if row.held:
        raise NotNow("Money is held of this payment: give it back, and record that.")
    row.state, row.settled_at, row.due_at = "settled", now, None
    return {"the provider told": row.error or ""}


def _ended_session(store: Session, row: Payment) -> ChargingSession | None:
    """What the payment is for, None where nothing began. Raises `NotNow` where energy may still flow."""
    if row.state not in ("paid", "charging"):
        raise NotNow("This payment is settled, or was never paid.")
    session = session_of(store, row)
    if session is not None and session.status not in ENDED_STATUSES:
        raise NotNow("Its session still runs. Stop it first.")
    return session


def _checked(reason: str) -> str:
    reason = " ".join(reason.split())
    if not reason:
        raise InvalidRequest("reason", "Say why: it is kept with your name.")
    if len(reason) > LONGEST_REASON:
        raise InvalidRequest("reason", f"At most {LONGEST_REASON} characters.")
    return reason


def _money(amount: Decimal, row: Payment) -> str:
    return f"{amount:.2f} {row.currency}"
