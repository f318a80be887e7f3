"""What the billing audit looks for: a table of checks. An entry here is a check, on the page and in files.

Each is told which sessions to look at and gives what it finds. Money at stake is what somebody would pay too
much or too little if it stayed as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, and_, func, or_, select, type_coerce
from sqlalchemy.orm import Session, aliased

from db.analytics.ended import counted
from db.columns import from_minor
from db.models import (
    ChargingConnector,
    ChargingSession,
    ChargingStation,
    OCPPConnector,
    OCPPStation,
    Payment,
    Statement,
    StatementLine,
    Tariff,
)
from ocpp_integration.billing.booked import ENERGY, GROSS, TAX, at_places
from ocpp_integration.metering import observe, usage_of
from ocpp_integration.payments.attempts import REFERENCES
from ocpp_integration.payments.charging_work import METHOD, START_WITHIN
from ocpp_integration.pricing import energy_bill, price
from ocpp_integration.tariffs import Tariffs, document_of

# The clocks of charge points are off by some seconds, and one session may end as the next one begins.
_TOUCHING = timedelta(seconds=60)
# One part of so many of what was paid.
_LITTLE = 50
# Longer than jobs and the payment provider take to bill a session or to give money back.
_SETTLED_WITHIN = timedelta(hours=1)


@dataclass(frozen=True)
class Watched:
    """Sessions that ended since `since` (None: ever), and those of `session_ids` whenever they ended; `now`
    tells which deadlines have passed.
    """

    now: datetime
    since: datetime | None
    session_ids: frozenset[int] = frozenset()

    def of(self, session: Any = ChargingSession) -> ColumnElement[bool]:
        stop_time: ColumnElement[Any] = session.stop_time
        if self.since is None:
            return stop_time.is_not(None)
        return or_(stop_time >= self.since, session.id.in_(self.session_ids))


@dataclass(frozen=True)
class Found:
    """`subject` tells it apart from the others of its check. `amount` None: what is at stake is not known."""

    subject: str
    owner_id: int
    currency: str
    words: str
    amount: Decimal | None
    station_pk: int | None = None
    session_ids: tuple[int, ...] = ()
    statement_id: int | None = None


@dataclass(frozen=True)
class Check:
    """`title` is what is found, `about` what it means and what mends it."""

    title: str
    about: str
    find: Callable[[Session, Watched], Iterator[Found]]


def _sessions(*columns: Any) -> Select[*tuple[Any, ...]]:
    session, place = ChargingSession, ChargingStation
    return at_places(
        select(session.id, session.ocpp_station_id, place.owner_id, place.currency, *columns).select_from(
            session
        )
    )


def _of_session(row: Any, words: str, amount: Decimal | None) -> Found:
    return Found(str(row.id), row.owner_id, row.currency, words, amount, row.ocpp_station_id, (row.id,))


def energy_without_bill(store: Session, watched: Watched) -> Iterator[Found]:
    """Sessions of a file that tells no cost are left out: who made them billed them."""
    asked = func.coalesce(Tariff.price_per_kwh, 0)
    query = (
        _sessions(ChargingSession.energy_wh, ChargingSession.cost, Tariff.price_per_kwh)
        .outerjoin(Tariff, ChargingSession.tariff_id == Tariff.id)
        .where(
            counted(),
            watched.of(),
            ChargingSession.energy_wh > 0,
            or_(
                and_(ChargingSession.cost.is_(None), ChargingSession.source != "import"),
                and_(
                    ChargingSession.cost == 0,
                    asked > 0,
                    ChargingSession.verdict.is_distinct_from("corrected"),
                ),
            ),
        )
    )
    for row in store.execute(query):
        amount = None
        if row.price_per_kwh is not None:
            amount = energy_bill(row.energy_wh, row.price_per_kwh, Decimal(0)).gross
        if row.cost is not None and not amount:
            # So little of it that it rounds to nothing.
            continue
        yield _of_session(
            row, f"{Decimal(row.energy_wh) / 1000:,.3f} kWh were charged and not billed", amount
        )


def bill_without_energy(store: Session, watched: Watched) -> Iterator[Found]:
    query = _sessions(ChargingSession.cost).where(
        counted(), watched.of(), func.coalesce(ChargingSession.energy_wh, 0) == 0, ChargingSession.cost > 0
    )
    for row in store.execute(query):
        yield _of_session(row, "Nothing was charged, but there is a bill", row.cost)


def overlaps(store: Session, watched: Watched) -> Iterator[Found]:
    """A connector charges one vehicle at a time: of two sessions at once one is not true."""
    session = ChargingSession
    before = func.max(session.stop_time).over(
        partition_by=session.ocpp_connector_id, order_by=(session.start_time, session.id), rows=(None, -1)
    )
    queue = (
        select(session.id, session.start_time, session.stop_time, before.label("before"))
        .where(counted(), watched.of(), session.ocpp_connector_id.is_not(None))
        .subquery()
    )
    suspects = store.execute(
        select(queue.c.id, queue.c.start_time).where(queue.c.before > queue.c.start_time)
    ).all()
    for pk, _ in suspects:
        yield from _overlapping(store, pk, watched)


def _overlapping(store: Session, session_pk: int, watched: Watched) -> Iterator[Found]:
    """The sessions that had begun before this one at its connector and went on beside it."""
    earlier, later = aliased(ChargingSession), ChargingSession
    query = (
        _sessions(
            earlier.id.label("other"),
            earlier.stop_time,
            later.start_time,
            earlier.cost,
            later.cost.label("own"),
        )
        .join(earlier, earlier.ocpp_connector_id == later.ocpp_connector_id)
        .where(
            later.id == session_pk,
            earlier.id != later.id,
            earlier.verdict.is_distinct_from("held"),
            watched.of(earlier),
            or_(
                earlier.start_time < later.start_time,
                and_(earlier.start_time == later.start_time, earlier.id < later.id),
            ),
            earlier.stop_time > later.start_time,
        )
    )
    for row in store.execute(query):
        together = row.stop_time - row.start_time
        if together > _TOUCHING:
            yield Found(
                f"{row.other}-{row.id}",
                row.owner_id,
                row.currency,
                f"Two at the same connector, {int(together.total_seconds()) // 60} min of them at once",
                min(row.cost or Decimal(0), row.own or Decimal(0)),
                row.ocpp_station_id,
                (row.other, row.id),
            )


def wrong_tariffs(store: Session, watched: Watched) -> Iterator[Found]:
    """What the platform asks is known of now only: of a session at its price, there is nothing to say."""
    tariffs = Tariffs(store)
    connectors = {each.id: each for each in store.scalars(select(ChargingConnector))}
    query = (
        _sessions(
            ChargingSession.start_time,
            ChargingSession.tariff_id,
            OCPPConnector.charging_connector_id,
            Tariff.code,
        )
        .join(OCPPConnector, ChargingSession.ocpp_connector_id == OCPPConnector.id)
        .outerjoin(Tariff, ChargingSession.tariff_id == Tariff.id)
        .where(
            counted(),
            watched.of(),
            ChargingSession.source == "backend",
            ChargingSession.verdict.is_distinct_from("corrected"),
        )
    )
    for row in store.execute(query).all():
        connector = connectors.get(row.charging_connector_id)
        right = tariffs.assigned(connector, row.start_time) if connector else None
        if connector is None or (right is None and row.code is None):
            continue
        right = right or connector.tariff
        if (right.id if right else None) != row.tariff_id:
            yield _of_session(row, *_difference(store, row.id, right))


def _difference(store: Session, session_pk: int, right: Tariff | None) -> tuple[str, Decimal | None]:
    """In words, and in money."""
    session = store.get_one(ChargingSession, session_pk)
    used = f"Billed by {_named(session.tariff)}, where {_named(right)} held when it began"
    if right is None or session.cost is None:
        return used, None
    energy_wh = session.energy_wh or 0
    if right.document is None or not energy_wh:
        cost = energy_bill(energy_wh, right.price_per_kwh, right.vat_percent).gross
    else:
        metered = observe(store, [session])[session.id]
        cost = price(document_of(right), usage_of(session, metered)).payable
    if session.prepaid is not None:
        cost = min(cost, session.prepaid)
    return used, abs(session.cost - cost)


def _named(tariff: Tariff | None) -> str:
    if tariff is None:
        return "no tariff"
    return f"{tariff.code} version {tariff.version}" if tariff.code else tariff.name


def wrong_sums(store: Session, _: Watched) -> Iterator[Found]:
    line = StatementLine
    sums = (
        select(
            line.statement_id,
            func.sum(line.energy_wh).label("energy_wh"),
            *(func.sum(type_coerce(getattr(line, name), BigInteger)).label(name) for name in _AMOUNTS),
        )
        .group_by(line.statement_id)
        .subquery()
    )
    wrong = [
        type_coerce(getattr(Statement, name), BigInteger) != func.coalesce(sums.c[name], 0)
        for name in ("energy_wh", *_AMOUNTS)
    ]
    query = (
        select(Statement, sums.c.gross)
        .outerjoin(sums, sums.c.statement_id == Statement.id)
        .where(or_(*wrong))
    )
    for statement, gross in store.execute(query):
        amount = abs(statement.gross - from_minor(int(gross or 0)))
        yield _of_statement(statement, f"{statement.name} is not the sum of its lines", amount)


_AMOUNTS = ("gross", "tax", "fee")


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
    named = [row.Payment.reference for row in rows]
    came = set(
        store.scalars(select(session.payment_transaction_id).where(session.payment_transaction_id.in_(named)))
    )
    for row in rows:
        one: Payment = row.Payment
        if one.reference not in came:
            words = (
                f"Payment {one.id} ({one.state}): {one.billed:,.2f} billed and {one.held:,.2f} held of "
                f"{one.paid:,.2f} {one.currency}, and there is no session"
            )
            amount = one.billed + one.held
            yield Found(str(one.id), row.owner_id, one.currency, words, amount, row.station_pk)


def _is_waited_for(payment: Payment, now: datetime) -> bool:
    """Whether a session may still come, or the refund is under way."""
    if payment.settled_at is None:
        return payment.paid_at is not None and now < payment.paid_at + START_WITHIN
    return payment.refund_state in ("due", "sent") and now < payment.settled_at + _SETTLED_WITHIN


def session_without_payment(store: Session, watched: Watched) -> Iterator[Found]:
    """Sessions that another system took the payment for have references of its own: they are left out."""
    session, payment = ChargingSession, Payment
    query = (
        _sessions(session.cost, session.stop_time, session.heard_at, session.plugged_until, payment)
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
            yield _of_session(row, "It was begun as paid in advance, and there is no such payment", cost)
        elif (one.settled_at and not one.rebill_at) or watched.now >= _billed_by(row):
            words = (
                f"It costs {cost:,.2f}, and {one.billed:,.2f} {one.currency} of payment {one.id} were billed"
            )
            yield _of_session(row, words, abs(cost - one.billed))


def _billed_by(row: Any) -> datetime:
    """Whose car stays plugged in is billed when it is gone."""
    known: datetime = max(row.stop_time, row.heard_at, row.plugged_until or row.stop_time)
    return known + _SETTLED_WITHIN


def beyond_prepaid(store: Session, watched: Watched) -> Iterator[Found]:
    """Energy goes on to flow for the seconds until a stop takes hold: so little is looked over."""
    session, payment = ChargingSession, Payment
    query = (
        _sessions(payment)
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
        yield _of_session(row, words, one.written_off)


def changed_since(store: Session, _: Watched) -> Iterator[Found]:
    """By owner and currency: the newest statement, and what the next one has to correct."""
    line = StatementLine
    told = (
        select(
            Statement.owner_id,
            Statement.currency,
            line.session_id,
            func.max(Statement.id).label("statement_id"),
            func.sum(line.energy_wh).label("energy_wh"),
            func.sum(type_coerce(line.gross, BigInteger)).label("gross"),
            func.sum(type_coerce(line.tax, BigInteger)).label("tax"),
        )
        .join(Statement, line.statement_id == Statement.id)
        .group_by(Statement.owner_id, Statement.currency, line.session_id)
        .subquery()
    )
    query = (
        select(told.c.statement_id, told.c.session_id, (GROSS - told.c.gross).label("more"))
        .select_from(ChargingSession)
        .join(told, told.c.session_id == ChargingSession.id)
        .where(or_(told.c.energy_wh != ENERGY, told.c.gross != GROSS, told.c.tax != TAX))
        .order_by(told.c.statement_id, told.c.session_id)
    )
    changed: dict[int, list[Any]] = {}
    for row in store.execute(query):
        changed.setdefault(row.statement_id, []).append(row)
    for statement_id, rows in changed.items():
        statement = store.get_one(Statement, statement_id)
        more = from_minor(sum(int(row.more) for row in rows))
        words = (
            f"{len(rows)} of its sessions changed since {statement.name} was issued: the next statement "
            f"has {more:+,.2f} {statement.currency}"
        )
        amount = from_minor(sum(abs(int(row.more)) for row in rows))
        yield _of_statement(statement, words, amount, tuple(row.session_id for row in rows))


def _of_statement(
    statement: Statement, words: str, amount: Decimal, session_ids: tuple[int, ...] = ()
) -> Found:
    return Found(
        statement.name,
        statement.owner_id,
        statement.currency,
        words,
        amount,
        session_ids=session_ids,
        statement_id=statement.id,
    )


# By the word that stands for it in the store.
CHECKS: dict[str, Check] = {
    "energy_without_bill": Check(
        "Energy without a bill",
        "Somebody charged and pays nothing. Correct the session, or give its connector a price.",
        energy_without_bill,
    ),
    "bill_without_energy": Check(
        "Bill without energy",
        "Somebody is to pay and charged nothing. Look at the meter, then correct the session.",
        bill_without_energy,
    ),
    "overlap": Check(
        "Two sessions at once",
        "A connector charges one vehicle at a time. One of the two ended earlier, or never was.",
        overlaps,
    ),
    "wrong_tariff": Check(
        "Wrong tariff",
        "The session has another tariff than held at its connector when it began. Correct what it costs.",
        wrong_tariffs,
    ),
    "statement_sums": Check(
        "Statement is not its lines",
        "Its sums are not those of its lines. This should never be: look for who changed the store.",
        wrong_sums,
    ),
    "statement_changed": Check(
        "Sessions changed after their statement",
        "The next statement has the difference as a correction; once it is issued, this ends by itself.",
        changed_since,
    ),
    "paid_without_session": Check(
        "Paid without session",
        "A driver's money is held or was billed, and nothing was charged: `manage.py list-unsettled` lists "
        "what people have to give back.",
        paid_without_session,
    ),
    "beyond_prepaid": Check(
        "Charged beyond what was paid",
        "Somebody charged, or stayed plugged in, for more than was paid in advance, and pays nothing for it. "
        "Look at why the charge point did not stop in time.",
        beyond_prepaid,
    ),
    "session_without_payment": Check(
        "Session without payment",
        "A driver who paid in advance was billed something else than the session costs. Correct the session, "
        "or give back what was billed too much.",
        session_without_payment,
    ),
}
