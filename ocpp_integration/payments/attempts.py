"""Opening a payment at a connector's code, and what its driver sees of it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, joinedload

from db.engine import reading, writing
from db.models import ChargingSession, OCPPConnector, OCPPStation, Payment, Tariff
from db.models.sessions import runs_at
from ocpp_integration.errors import InvalidRequest, NotFound
from ocpp_integration.payments.charging_work import session_of
from ocpp_integration.payments.estimate import amount_for
from ocpp_integration.payments.provider import Order, PaymentError, Provider
from ocpp_integration.payments.tokens import connector_by
from ocpp_integration.tariffs import Tariffs

PAY_WITHIN = timedelta(minutes=15)
LEAST, MOST = Decimal(10), Decimal(20_000)
_FIRST_LOOK = timedelta(seconds=10)
_WITH_PLACE = (
    joinedload(Payment.connector, innerjoin=True)
    .joinedload(OCPPConnector.station, innerjoin=True)
    .joinedload(OCPPStation.charging_station, innerjoin=True)
)
CALLBACK = "/api/payments/callback/"
_PREFIX, _BYTES = "EV-", 16
# What references look like, as a pattern of LIKE.
REFERENCES = _PREFIX + "_" * (2 * _BYTES)


@dataclass(frozen=True)
class Wish:
    """What the driver wants: for so much money, or so many Wh."""

    phone: str
    amount: Decimal | None = None
    energy_wh: int | None = None
    # Which one whoever asks has in mind; None for the station's.
    currency: str | None = None


class Attempts:
    def __init__(self, engine: Engine, provider: Provider, public_url: str, clock: Callable[[], datetime]):
        self._engine = engine
        self._provider = provider
        self._public_url = public_url
        self._clock = clock

    def open(self, token: str, wish: Wish) -> Payment:
        """Record a payment and announce it to the provider; its `checkout_url` is where it is made.

        Raises `NotFound` for a code that leads nowhere, `InvalidRequest` for what cannot be sold now, and a
        `PaymentError` where the provider did not take it: then it is recorded as failed.
        """
        payment = self._record(token, wish)
        try:
            url = self._provider.initialize(self._order(payment))
        except PaymentError as error:
            self._close(payment, str(error))
            raise
        with writing(self._engine) as store:
            row = store.get_one(Payment, payment.id)
            row.checkout_url = url
        return row

    def _record(self, token: str, wish: Wish) -> Payment:
        now = self._clock()
        with writing(self._engine) as store:
            connector = connector_by(store, token)
            if connector is None:
                raise NotFound("This code leads to no connector.")
            if (hindrance := why_not(store, connector)) is not None:
                raise InvalidRequest("connector", hindrance)
            amount = _amount(store, connector, wish, now)
            payment = Payment(
                reference=f"{_PREFIX}{secrets.token_hex(_BYTES)}",
                ocpp_connector_id=connector.id,
                provider=self._provider.name,
                phone=wish.phone,
                currency=connector.station.charging_station.currency,
                amount=amount,
                wanted_wh=wish.energy_wh,
                expires_at=now + PAY_WITHIN,
                due_at=now + _FIRST_LOOK,
                created_at=now,
            )
            store.add(payment)
        return payment

    def _order(self, payment: Payment) -> Order:
        return Order(
            reference=payment.reference,
            amount=payment.amount,
            currency=payment.currency,
            phone=payment.phone,
            callback_url=f"{self._public_url}{CALLBACK}",
            return_url=f"{self._public_url}/pay/session/{payment.reference}/",
        )

    def _close(self, payment: Payment, reason: str) -> None:
        """It failed here; where it was announced all the same and is paid, the late looks find it."""
        with writing(self._engine) as store:
            row = store.get_one(Payment, payment.id)
            row.state, row.error, row.due_at = "failed", reason, row.expires_at


def why_not(store: Session, connector: OCPPConnector) -> str | None:
    """Why nobody can begin to charge at the connector now, None where somebody can."""
    described = connector.charging_connector
    if not connector.station.charging_station.is_active or (described and not described.is_active):
        return "It is out of service."
    if not connector.station.is_online:
        return "The station is offline."
    if connector.status not in ("available", "preparing"):
        return (
            "It is in use." if connector.status not in ("unavailable", "faulted") else "It is out of order."
        )
    runs = select(ChargingSession.id).where(runs_at(connector))
    return None if store.scalar(runs.limit(1)) is None else "It is in use."


def tariff_at(store: Session, connector: OCPPConnector, now: datetime) -> Tariff | None:
    described = connector.charging_connector
    return Tariffs(store).holding(described, now) if described else None


def _amount(store: Session, connector: OCPPConnector, wish: Wish, now: datetime) -> Decimal:
    """What is to be paid. Raises `InvalidRequest`."""
    tariff = tariff_at(store, connector, now)
    if tariff is None:
        raise InvalidRequest("connector", "It has no price, so nothing can be sold here.")
    if wish.currency not in (None, tariff.currency):
        raise InvalidRequest("currency", f"{tariff.currency} is paid here.")
    field, amount = "amount", wish.amount
    if amount is None:
        place = connector.station.charging_station
        power_w = connector.charging_connector.power_w if connector.charging_connector else None
        field = "kwh_requested"
        amount = amount_for(tariff, wish.energy_wh or 0, power_w=power_w, timezone=place.timezone, now=now)
    if not LEAST <= amount <= MOST:
        raise InvalidRequest(field, f"Between {LEAST} and {MOST} {tariff.currency} can be paid.")
    return amount


def find(engine: Engine, reference: str) -> tuple[Payment, ChargingSession | None]:
    """A payment with the session it is for. Raises `NotFound`."""
    with reading(engine) as store:
        payment = store.scalar(select(Payment).where(Payment.reference == reference).options(_WITH_PLACE))
        if payment is None:
            raise NotFound("There is no such payment.")
        return payment, session_of(store, payment)
