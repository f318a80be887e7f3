"""What becomes of a paid payment at its connector: the start, the stop when it is used up, the bill.

Start and stop are commands whose keys are made of the payment's reference: asked for again, they are not sent
again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy import Engine, or_, select
from sqlalchemy.orm import Session

from db.analytics.outcome import ENDED_STATUSES
from db.engine import reading, writing
from db.models import ChargingSession, Command, OCPPConnector, Payment, User
from db.upsert import insert
from ocpp_integration.commands import STATES
from ocpp_integration.payments import parking
from ocpp_integration.payments.estimate import is_used_up
from ocpp_integration.payments.limits import limit
from ocpp_integration.payments.movements import held, leased, settle
from ocpp_integration.services import OCPPIntegrationService, Result
from ocpp_integration.session_state import written_off
from ocpp_integration.steps import STOP_WITHIN

METHOD = "qr_code"
# Who has paid stands at the connector, and waits no longer than this for a backend that is down.
START_WITHIN = timedelta(minutes=5)
# A session's last reports may come after its end.
_BILL_AFTER = timedelta(seconds=10)
_BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)
# By so much the clock may have been set back since a payment was made.
_SET_BACK = timedelta(hours=1)
_WAITING = frozenset({"under_way", "backend_down", "backend_failed"})


def open_payments(store: Session) -> Sequence[int]:
    """Ids of the payments that are paid and not settled, or that are to be billed anew."""
    # A time of no payment, so that those few are found by their index, among all that were ever made.
    is_open = or_(Payment.state.in_(("paid", "charging")), Payment.rebill_at > _BEFORE_ALL)
    return sorted(store.scalars(select(Payment.id).where(is_open)))


def work(engine: Engine, service: OCPPIntegrationService, payment_id: int, now: datetime) -> None:
    """The next step of a payment at its connector."""
    with leased(engine, payment_id, now) as payment:
        step = _STEPS.get(payment.state) if payment else None
        if payment is not None and step is not None:
            step(engine, service, payment, now)


def _start(engine: Engine, service: OCPPIntegrationService, payment: Payment, now: datetime) -> None:
    with reading(engine) as store:
        command = _command(store, start_key(payment))
    if command is not None and command.state in ("open", "unknown"):
        # Whether it began is found out by reading (see `reconcile`).
        return
    if command is not None and command.state == "accepted":
        _began(engine, payment, command.transaction_id)
        return
    if now >= (payment.paid_at or now) + START_WITHIN:
        _give_back(engine, payment, (command and command.error) or "Charging could not begin in time.", now)
        return
    result = _send_start(engine, service, payment, now)
    if result["success"]:
        session: ChargingSession | None = result["charging_session"]
        _began(engine, payment, session.transaction_id if session else None)
    elif result.get("code") not in _WAITING and not _may_begin(engine, payment):
        _give_back(engine, payment, result["error"], now)


def _may_begin(engine: Engine, payment: Payment) -> bool:
    """Whether charging may begin although the answer was no: what failed on the way may have been done."""
    with reading(engine) as store:
        command = _command(store, start_key(payment))
        return command is not None and command.state == "unknown"


def _send_start(engine: Engine, service: OCPPIntegrationService, payment: Payment, now: datetime) -> Result:
    with writing(engine) as store:
        user = _driver(store, payment.phone, now)
        connector = store.get_one(OCPPConnector, payment.ocpp_connector_id)
        station_id, number = connector.station.station_id, connector.connector_id
    return service.initiate_charging(
        station_id=station_id,
        connector_id=number,
        user=user,
        payment_transaction_id=payment.reference,
        payment_method=METHOD,
        idempotency_key=start_key(payment),
    )


def _began(engine: Engine, payment: Payment, transaction_id: int | None) -> None:
    if transaction_id is None:
        raise ValueError(f"the start of payment {payment.id} was accepted without a transaction")
    # Before the other's session is limited to what is there of this one.
    with reading(engine) as store:
        _check_unbound(store, payment, transaction_id)
    limit(engine, transaction_id, payment.paid)
    with held(engine, payment.id) as (store, row):
        _check_unbound(store, row, transaction_id)
        if row.state == "paid":
            row.state, row.transaction_id = "charging", transaction_id


def _check_unbound(store: Session, payment: Payment, transaction_id: int) -> None:
    other = select(Payment.id).where(Payment.transaction_id == transaction_id, Payment.id != payment.id)
    if store.scalar(other.limit(1)) is not None:
        raise ValueError(f"transaction {transaction_id} of payment {payment.id} is another payment's, too")


def _give_back(engine: Engine, payment: Payment, reason: str, now: datetime) -> None:
    """Nothing was charged: all of it is due to the driver."""
    with held(engine, payment.id) as (store, row):
        if row.state == "paid":
            row.error = reason
            settle(store, row, Decimal(0), now)


def _follow(engine: Engine, service: OCPPIntegrationService, payment: Payment, now: datetime) -> None:
    with reading(engine) as store:
        session = session_of(store, payment)
        if session is None:
            return
        has_ended = session.status in ENDED_STATUSES
        is_over = not has_ended and is_used_up(session, payment.held, payment.wanted_wh, now)
        is_parked = has_ended and parking.is_waited_for(store, session, now)
    if is_parked:
        parking.note(engine, session, now)
    elif has_ended:
        _bill(engine, payment, now)
    elif is_over:
        stop(engine, service, payment, now)


def _bill(engine: Engine, payment: Payment, now: datetime) -> None:
    """Bill the ended session, unless it is held back until somebody has looked at it.

    What is being given back now is given back first.
    """
    with held(engine, payment.id) as (store, row):
        session = session_of(store, row)
        if session is None or row.state not in ("charging", "settled") or session.verdict == "held":
            return
        if row.refund_state in ("sent", "by_hand"):
            return
        if now >= max(session.stop_time or session.heard_at, session.heard_at) + _BILL_AFTER:
            settle(store, row, session.cost or Decimal(0), now)
            row.written_off = written_off(session)


def _bill_anew(engine: Engine, _service: OCPPIntegrationService, payment: Payment, now: datetime) -> None:
    """The session costs another sum than it did."""
    if payment.rebill_at is not None:
        _bill(engine, payment, now)


def stop(engine: Engine, service: OCPPIntegrationService, payment: Payment, now: datetime) -> Result | None:
    """Ask for the end of the session; None: that is under way. Anew only where the last stop is known not to
    have been done, or took no hold.
    """
    with reading(engine) as store:
        asked = store.scalars(
            select(Command).where(
                Command.kind == "stop",
                Command.transaction_id == payment.transaction_id,
                Command.ocpp_connector_id == payment.ocpp_connector_id,
                # The index of states and times spares a look at all commands that ever were.
                Command.state.in_(STATES),
                Command.sent_at >= payment.created_at - _SET_BACK,
            )
        ).all()
    if payment.transaction_id is None or any(_may_take_hold(command, now) for command in asked):
        return None
    return service.stop_charging(
        transaction_id=payment.transaction_id,
        idempotency_key=f"payment-stop:{payment.reference}:{len(asked)}",
    )


def _may_take_hold(stop: Command, now: datetime) -> bool:
    if stop.state == "accepted":
        return now < stop.sent_at + STOP_WITHIN
    return stop.state != "failed"


def session_of(store: Session, payment: Payment) -> ChargingSession | None:
    if payment.transaction_id is None:
        return None
    return store.scalar(
        select(ChargingSession).where(ChargingSession.transaction_id == payment.transaction_id)
    )


def start_key(payment: Payment) -> str:
    return f"payment:{payment.reference}"


def _command(store: Session, key: str) -> Command | None:
    return store.scalar(select(Command).where(Command.idempotency_key == key))


def _driver(store: Session, phone: str, now: datetime) -> User:
    """Who charges: for each phone that has paid a driver of its own, whom nobody can sign in as."""
    name = f"phone:{phone}"
    statement = insert(store, User).values(
        user_name=name, name=f"…{phone[-4:]}", role="driver", is_active=True, created_at=now, updated_at=now
    )
    store.execute(statement.on_conflict_do_nothing())
    return store.scalars(select(User).where(User.user_name == name)).one()


_STEPS: dict[str, Callable[[Engine, OCPPIntegrationService, Payment, datetime], None]] = {
    "paid": _start,
    "charging": _follow,
    "settled": _bill_anew,
}
