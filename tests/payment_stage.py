"""A station where drivers pay, played step by step: its backend, the provider, the jobs and the clock."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import factories
from receiver_app import FakeBackend, make_settings
from sqlalchemy import Engine, select

from db.engine import reading, writing
from db.models import Payment, PaymentMovement
from ocpp_integration import events
from ocpp_integration.backend import BackendClient
from ocpp_integration.errors import IntegrationError
from ocpp_integration.lifecycle import apply_event
from ocpp_integration.payments import charging_work, provider_work, sandbox
from ocpp_integration.payments.attempts import Attempts, Wish
from ocpp_integration.payments.provider import PaymentError, Verified
from ocpp_integration.payments.sandbox import Sandbox
from ocpp_integration.payments.tokens import token_of
from ocpp_integration.services import OCPPIntegrationService

START = datetime(2026, 3, 4, 8, tzinfo=UTC)
PHONE = "+251911223344"


class Provider(Sandbox):
    """The sandbox, which fails or lies for once where it is told to."""

    fault: PaymentError | None = None
    lie: dict[str, Any] | None = None

    def verify(self, reference: str) -> Verified:
        self._fail()
        told = super().verify(reference)
        return Verified(**vars(told) | self.lie) if self.lie else told

    def refund(self, reference: str, amount: Decimal) -> None:
        self._fail()
        super().refund(reference, amount)

    def _fail(self) -> None:
        fault, self.fault = self.fault, None
        if fault is not None:
            raise fault


@dataclass
class Stage:
    """A station with one connector at 10 ETB a kWh, its backend, and the clock."""

    engine: Engine
    now: datetime = START
    backend: FakeBackend = field(default_factory=FakeBackend)
    transactions: int = 7000
    token: str = ""

    def __post_init__(self) -> None:
        client = BackendClient(make_settings(self.engine), http=self.backend, sleep=lambda _: None)
        self.service = OCPPIntegrationService(
            settings=make_settings(self.engine), engine=self.engine, backend=client, clock=self.clock
        )
        self.provider = Provider(self.engine, "http://phones.test")
        self.attempts = Attempts(self.engine, self.provider, "http://phones.test", self.clock)
        with writing(self.engine) as store:
            tariff = factories.add_tariff(store)
            station = factories.add_station(store, factories.add_owner(store), connectors=1, tariff=tariff)
            self.token = token_of(store, station.connectors[0], self.now)
            self.station_id = station.station_id
        self.agree()

    def clock(self) -> datetime:
        return self.now

    def agree(self) -> None:
        self.transactions += 1
        started = {"transaction_id": self.transactions, "status": "Started"}
        self.backend.answers |= {
            "/initiate-charging/": (200, {"transaction": started}),
            "/stop-charging/": (200, {"status": "Stopping"}),
        }

    def pay(self, amount: str = "100", *, pays: bool = True) -> str:
        reference = self.attempts.open(self.token, Wish(PHONE, amount=Decimal(amount))).reference
        self.decide(reference, pays=pays)
        return reference

    def decide(self, reference: str, *, pays: bool = True) -> None:
        sandbox.decide(self.engine, reference, pays=pays)
        provider_work.ask_soon(self.engine, reference, self.now)

    def work(self, seconds: int = 0) -> None:
        """What the jobs do in one run, so many seconds later. What fails there fails alone."""
        self.now += timedelta(seconds=seconds)
        with reading(self.engine) as store:
            due, opened = provider_work.due(store, self.now), charging_work.open_payments(store)
        for payment_id in due:
            try:
                provider_work.work(self.engine, self.provider, payment_id, self.now)
            except IntegrationError:
                continue
        for payment_id in opened:
            charging_work.work(self.engine, self.service, payment_id, self.now)

    def begin(self, amount: str = "100") -> str:
        """A payment whose session began a quarter of an hour ago."""
        reference = self.pay(amount)
        self.work()
        self.work()
        self.tell("session_started", {"meter_start": 0, "connector_id": 1})
        # Time for the energy to flow, without which a session is not believed.
        self.now += timedelta(minutes=15)
        return reference

    def tell(self, kind: str, data: dict[str, Any], transaction_id: int | None = None) -> None:
        body = {
            "type": kind,
            "station_id": self.station_id,
            "transaction_id": transaction_id or self.transactions,
            "timestamp": self.now.isoformat(),
            "data": data,
        }
        with writing(self.engine) as store:
            apply_event(store, events.parse(json.dumps(body).encode()), self.now)

    def progress(self, kwh: float, kw: float = 0) -> None:
        self.tell(
            "session_progress", {"energy_consumed_kwh": kwh, "current_power_kw": kw, "meter_values": []}
        )

    def end(self, wh: int) -> None:
        self.tell("session_stopped", {"meter_stop": wh, "stop_reason": "Local", "final_cost": None})

    def payment(self, reference: str) -> Payment:
        with reading(self.engine) as store:
            return store.scalars(select(Payment).where(Payment.reference == reference)).one()

    def outcome(self, reference: str) -> tuple[str, str | None, list[tuple[str, str]]]:
        """State, state of the refund, and the movements of money."""
        payment = self.payment(reference)
        with reading(self.engine) as store:
            rows = store.scalars(
                select(PaymentMovement)
                .where(PaymentMovement.payment_id == payment.id)
                .order_by(PaymentMovement.id)
            )
            return payment.state, payment.refund_state, [(row.kind, f"{row.amount:.2f}") for row in rows]

    def sent(self, path: str) -> int:
        return [asked for asked, _ in self.backend.asked].count(f"/api/locator/{path}/")
