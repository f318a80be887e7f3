"""Payments at codes as rows: what was paid, what became of it, and whether people have to act.

Whoever looks at a list has no need of a driver's phone number, so a row has its last digits only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, false, func, or_, select
from sqlalchemy.orm import Session, aliased

from db.analytics.outcome import ENDED_STATUSES
from db.analytics.scope import Period, Scope
from db.columns import summed_money
from db.models import (
    ChargingSession,
    ChargingStation,
    OCPPConnector,
    OCPPStation,
    Payment,
    PaymentMovement,
    StationOwner,
)
from db.searching import sought

# Money that neither charges nor is given back for so long is looked at by people.
STUCK_AFTER = timedelta(minutes=30)
_AT_ONCE = 1_000
_SHOWN_DIGITS = 4


@dataclass(frozen=True)
class PaymentFilter:
    """Which payments: begun in `period`, of a `group` (a key of `GROUPS`; empty for all). `search` is a part
    of a reference or of a station's name, a transaction id, or a phone number or its last four digits: a part
    of one would tell the rest of it, guess by guess.
    """

    period: Period | None = None
    group: str = ""
    search: str = ""


@dataclass(frozen=True)
class PaymentRow:
    """One payment with the names that a reader needs; `phone` is masked. `session_pk` is the session that it
    paid for, with its `session_status` and `verdict`.
    """

    pk: int
    reference: str
    provider: str
    provider_reference: str | None
    phone: str
    currency: str
    amount: Decimal
    wanted_wh: int | None
    state: str
    refund_state: str | None
    paid: Decimal
    billed: Decimal
    refunded: Decimal
    held: Decimal
    error: str | None
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None
    settled_at: datetime | None
    transaction_id: int | None
    station_pk: int
    station_id: str
    station_name: str
    owner: str
    timezone: str
    connector_number: int
    session_pk: int | None
    session_status: str | None
    verdict: str | None
    session_cost: Decimal | None
    session_start: datetime | None
    session_stop: datetime | None
    energy_wh: int | None

    @property
    def is_running(self) -> bool:
        """Whether its session has not ended."""
        return self.session_status is not None and self.session_status not in ENDED_STATUSES

    def is_stuck(self, now: datetime) -> bool:
        is_open = self.state in ("paid", "charging") and not self.is_running
        return is_open and (self.paid_at or now) < now - STUCK_AFTER

    def wants_people(self, now: datetime) -> bool:
        return self.state == "mismatched" or self.refund_state == "by_hand" or self.is_stuck(now)


@dataclass(frozen=True)
class PaymentSums:
    """`paid` is always `billed`, `refunded` and `held` together."""

    payments: int
    paid: Decimal
    billed: Decimal
    refunded: Decimal
    held: Decimal


@dataclass(frozen=True)
class Movement:
    kind: str
    amount: Decimal
    at: datetime


def list_payments(
    store: Session,
    scope: Scope,
    wanted: PaymentFilter,
    *,
    now: datetime | None = None,
    limit: int = 50,
    offset: int = 0,
) -> list[PaymentRow]:
    """The newest first."""
    query = (
        _rows()
        .where(*_conditions(store, scope, wanted, now or datetime.now(UTC)))
        .order_by(Payment.created_at.desc(), Payment.id.desc())
        .limit(limit)
        .offset(offset)
    )
    return [_row(found) for found in store.execute(query)]


def each_payment(store: Session, scope: Scope, wanted: PaymentFilter, now: datetime) -> Iterator[PaymentRow]:
    """All of them, the oldest first, few in memory at a time."""
    query = (
        _rows().where(*_conditions(store, scope, wanted, now)).order_by(Payment.created_at, Payment.id.asc())
    )
    for found in store.execute(query.execution_options(yield_per=_AT_ONCE)):
        yield _row(found)


def payment_sums(
    store: Session, scope: Scope, wanted: PaymentFilter, now: datetime | None = None
) -> dict[str, PaymentSums]:
    """By currency."""
    amounts = (Payment.paid, Payment.billed, Payment.refunded, Payment.held)
    rows = store.execute(
        _joined(select(Payment.currency, func.count(), *map(func.sum, amounts)))
        .where(*_conditions(store, scope, wanted, now or datetime.now(UTC)))
        .group_by(Payment.currency)
        .order_by(Payment.currency)
    )
    return {
        currency: PaymentSums(count, *(summed_money(amount) for amount in sums))
        for currency, count, *sums in rows
    }


def count_wanting_people(store: Session, scope: Scope, now: datetime, most: int) -> int:
    """How many payments people have to see to, `most` where there are more."""
    some = (
        _joined(select(Payment.id))
        .where(Payment.ocpp_connector_id.in_(_connectors(scope)), GROUPS["attention"](now))
        .limit(most)
    )
    return store.scalar(select(func.count()).select_from(some.subquery())) or 0


def find_payment(store: Session, scope: Scope, pk: int) -> PaymentRow | None:
    """One payment, None where there is none in this scope."""
    found = store.execute(
        _rows().where(Payment.id == pk, Payment.ocpp_connector_id.in_(_connectors(scope)))
    ).one_or_none()
    return _row(found) if found else None


def movements(store: Session, scope: Scope, pk: int) -> list[Movement]:
    """How the money of a payment moved; nothing of one that the scope has not."""
    rows = store.execute(
        select(PaymentMovement.kind, PaymentMovement.amount, PaymentMovement.at)
        .join(Payment, PaymentMovement.payment_id == Payment.id)
        .where(Payment.id == pk, Payment.ocpp_connector_id.in_(_connectors(scope)))
        .order_by(PaymentMovement.id)
    )
    return [Movement(*row) for row in rows]


def _wants_people(now: datetime) -> ColumnElement[bool]:
    # Another name for sessions: the list that this is asked of has joined them.
    session = aliased(ChargingSession)
    runs = exists().where(
        session.transaction_id == Payment.transaction_id, session.status.not_in(ENDED_STATUSES)
    )
    is_stuck = and_(Payment.state.in_(("paid", "charging")), Payment.paid_at < now - STUCK_AFTER, ~runs)
    return or_(Payment.refund_state == "by_hand", Payment.state == "mismatched", is_stuck)


GROUPS: dict[str, Callable[[datetime], ColumnElement[bool]]] = {
    "attention": _wants_people,
    "open": lambda _now: Payment.state.in_(("pending", "paid", "charging")),
    "settled": lambda _now: Payment.state == "settled",
    "unpaid": lambda _now: Payment.state.in_(("failed", "expired")),
}


def _connectors(scope: Scope) -> Select[int]:
    return select(OCPPConnector.id).where(OCPPConnector.ocpp_station_id.in_(scope.stations()))


def _conditions(
    store: Session, scope: Scope, wanted: PaymentFilter, now: datetime
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [Payment.ocpp_connector_id.in_(_connectors(scope))]
    if wanted.period:
        conditions.append(_within(store, wanted.period))
    if wanted.group:
        conditions.append(GROUPS[wanted.group](now))
    if text := sought(wanted.search):
        conditions.append(_matches(text))
    return conditions


def _within(store: Session, period: Period) -> ColumnElement[bool]:
    """Begun in the period by the clock of each payment's own station."""
    zones = store.scalars(select(ChargingStation.timezone).distinct())
    bounds = [(zone, *period.bounds(zone)) for zone in zones]
    return or_(
        false(),
        *(
            and_(ChargingStation.timezone == zone, Payment.created_at >= start, Payment.created_at < end)
            for zone, start, end in bounds
        ),
    )


def _matches(text: str) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [
        Payment.reference.icontains(text, autoescape=True),
        func.coalesce(Payment.provider_reference, "").icontains(text, autoescape=True),
        ChargingStation.name.icontains(text, autoescape=True),
    ]
    digits = "".join(letter for letter in text if letter.isascii() and letter.isdigit())
    if digits and not set(text) - set("0123456789+ -…"):
        conditions += _matching_number(digits)
    return or_(*conditions)


def _matching_number(digits: str) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if int(digits) < 2**63:
        found.append(Payment.transaction_id == int(digits))
    if len(digits) == _SHOWN_DIGITS:
        found.append(Payment.phone.endswith(digits))
    if len(digits) in (9, 10, 12):
        # As people write it: 911223344, 0911223344 or 251911223344.
        found.append(Payment.phone == f"+251{digits[-9:]}")
    return found


def _rows() -> Select[*tuple[Any, ...]]:
    return _joined(
        select(
            Payment,
            OCPPStation.id,
            OCPPStation.station_id,
            ChargingStation.name,
            StationOwner.name,
            ChargingStation.timezone,
            OCPPConnector.connector_id,
            ChargingSession.id,
            ChargingSession.status,
            ChargingSession.verdict,
            ChargingSession.cost,
            ChargingSession.start_time,
            ChargingSession.stop_time,
            ChargingSession.energy_wh,
        )
    ).outerjoin(ChargingSession, ChargingSession.transaction_id == Payment.transaction_id)


def _joined(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    return (
        query.select_from(Payment)
        .join(OCPPConnector, Payment.ocpp_connector_id == OCPPConnector.id)
        .join(OCPPStation, OCPPConnector.ocpp_station_id == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .join(StationOwner, ChargingStation.owner_id == StationOwner.id)
    )


def _row(found: Sequence[Any]) -> PaymentRow:
    payment, station_pk, station_id, station, owner, timezone, number, *session = found
    return PaymentRow(
        pk=payment.id,
        reference=payment.reference,
        provider=payment.provider,
        provider_reference=payment.provider_reference,
        phone=masked(payment.phone),
        currency=payment.currency,
        amount=payment.amount,
        wanted_wh=payment.wanted_wh,
        state=payment.state,
        refund_state=payment.refund_state,
        paid=payment.paid,
        billed=payment.billed,
        refunded=payment.refunded,
        held=payment.held,
        error=payment.error,
        created_at=payment.created_at,
        expires_at=payment.expires_at,
        paid_at=payment.paid_at,
        settled_at=payment.settled_at,
        transaction_id=payment.transaction_id,
        station_pk=station_pk,
        station_id=station_id,
        station_name=station,
        owner=owner,
        timezone=timezone,
        connector_number=number,
        session_pk=session[0],
        session_status=session[1],
        verdict=session[2],
        session_cost=session[3],
        session_start=session[4],
        session_stop=session[5],
        energy_wh=session[6],
    )


def masked(phone: str) -> str:
    """`…3344`: enough for a driver to be recognised by, and no number to call."""
    return f"…{phone[-_SHOWN_DIGITS:]}"
