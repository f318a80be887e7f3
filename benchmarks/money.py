"""Drivers who pay at codes while processes are killed, and whether every cent of it is accounted for.

They pay at the sandbox provider over HTTP, charge at the simulator's charge points, stop, decline or go
away. Callbacks are forged and told twice; jobs, receiver and backend are killed at random moments. In the
end people give back what was left to them. Then the ledger, the provider's own book and the sessions must say
the same of each payment, and nothing may be held.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import func, select

from benchmarks.stack import Stack
from benchmarks.targets import Target
from db.engine import reading, writing
from db.models import (
    ChargingSession,
    OCPPConnector,
    Payment,
    SandboxPayment,
    User,
    WebhookEvent,
    utc_now,
)
from management import demo
from ocpp_integration.payments import provider_work, sandbox
from ocpp_integration.payments.attempts import CALLBACK
from ocpp_integration.payments.tokens import token_of

SETTLE_WITHIN = 300.0
_KILLED = ("jobs", "receiver", "backend")
_ONE_COMES_EVERY = 1.0
_STAYS_SECONDS = (8.0, 40.0)
_SECRET = "whsec_money"  # noqa: S105 - of a store that lives as long as the benchmark
_ENDED = ("failed", "expired", "settled")

TARGETS = (
    Target("payments that do not add up", "differences", at_most=0),
    Target("still held in the end", lambda result: float(result["held"]), at_most=0),
    Target("every payment came to its end", lambda result: float(result["settled"]), at_least=1),
)
QUICK = ("--seconds", "40", "--kills", "2")


@dataclass
class Drivers:
    """Who is on the way; `leaving` are references with when their drivers ask for the end."""

    stack: Stack
    chance: random.Random
    tokens: list[str]
    leaving: dict[str, float] = field(default_factory=dict)
    refused: int = 0

    def come(self) -> None:
        amount = self.chance.choice(("10", "12.50", "100"))
        body = {"payment_type": "amount", "amount": amount, "phone_number": "0911223344"}
        told = self.ask("POST", f"/api/payments/qr-initiate/{self.chance.choice(self.tokens)}/", body)
        if told is None or "payment_data" not in told:
            self.refused += 1
            return
        reference = told["payment_data"]["tx_ref"]
        if self.chance.random() < 0.1:
            self._forge(reference)
        if self.chance.random() < 0.9:
            pays = self.chance.random() < 0.9
            self.ask("POST", f"{sandbox.PAGE}{reference}/", {"pays": pays})
            self.leaving[reference] = time.monotonic() + self.chance.uniform(*_STAYS_SECONDS)

    def leave(self, *, all_of_them: bool = False) -> None:
        for reference, at in list(self.leaving.items()):
            if all_of_them or time.monotonic() >= at:
                self.ask("POST", f"/api/payments/qr-sessions/{reference}/stop-charging/", {})
                del self.leaving[reference]

    def tell_again(self) -> None:
        """A callback that came before comes once more."""
        with reading(self.stack.engine) as store:
            decided = store.scalars(select(SandboxPayment).where(SandboxPayment.status != "pending")).all()
        if decided:
            self._call_back(self.chance.choice(decided), _SECRET)

    def _forge(self, reference: str) -> None:
        forged = SandboxPayment(reference=reference, amount=Decimal(100), currency="ETB", status="success")
        self._call_back(forged, "whsec_guessed")

    def _call_back(self, payment: SandboxPayment, secret: str) -> None:
        body, headers = sandbox.callback(payment, secret)
        with contextlib.suppress(requests.RequestException):
            requests.post(self.stack.settings.receiver_url + CALLBACK, data=body, headers=headers, timeout=5)

    def ask(self, method: str, path: str, body: Any) -> Any:
        """What is answered; None where the receiver is away, which a driver takes as it comes."""
        try:
            answer = requests.request(method, self.stack.settings.receiver_url + path, json=body, timeout=20)
            return answer.json()
        except (requests.RequestException, ValueError):
            return None


def main(arguments: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="benchmarks money", description=__doc__)
    parser.add_argument("--seconds", type=float, default=180, help="in which drivers come")
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder), _settings()) as stack:
        return run(stack, options)


def _settings() -> dict[str, str]:
    return {
        "PAYMENT_PROVIDER": "sandbox",
        "CHAPA_WEBHOOK_SECRET": _SECRET,
        "PAYMENTS_PER_MINUTE": "0",
        "SIMULATOR_SPEED": "1",
        "SIMULATOR_HOURS": "0",
        "METER_INTERVAL": "3",
        "SYNC_SCHEDULE": "2",
    }


def run(stack: Stack, options: argparse.Namespace) -> dict[str, Any]:
    """Pay, charge, kill, settle, compare. The figures of the last."""
    demo.create(stack.engine, stack.settings, days=0)
    stack.start("backend", "receiver", "jobs")
    stack.start(
        "simulator",
        arguments=("--idle", "--memory", str(stack.folder / "memory"), "--seed", str(options.seed)),
    )
    drivers = Drivers(stack, random.Random(options.seed), _codes(stack))
    _play(drivers, options)
    settled = _settle(drivers)
    return _compare(stack) | {"refused": drivers.refused, "kills": options.kills, "is_settled": settled}


def _codes(stack: Stack) -> list[str]:
    _until(lambda: _online(stack) > 0)
    with writing(stack.engine) as store:
        connectors = store.scalars(select(OCPPConnector).where(OCPPConnector.status == "available")).all()
        return [token_of(store, each, utc_now()) for each in connectors]


def _online(stack: Stack) -> int:
    with reading(stack.engine) as store:
        free = select(func.count()).select_from(OCPPConnector).where(OCPPConnector.status == "available")
        return store.scalar(free) or 0


def _play(drivers: Drivers, options: argparse.Namespace) -> None:
    begun = time.monotonic()
    kills = sorted(drivers.chance.uniform(0.1, 0.9) * options.seconds for _ in range(options.kills))
    while (passed := time.monotonic() - begun) < options.seconds:
        if kills and passed >= kills[0]:
            kills.pop(0)
            name = drivers.chance.choice(_KILLED)
            drivers.stack.kill(name)
            drivers.stack.start(name)
        drivers.come()
        drivers.leave()
        if drivers.chance.random() < 0.2:
            drivers.tell_again()
        time.sleep(_ONE_COMES_EVERY)


def _settle(drivers: Drivers) -> bool:
    """Whoever is there ends; who went away declines; people do what is left to them."""
    stack = drivers.stack
    drivers.leave(all_of_them=True)
    with reading(stack.engine) as store:
        open_ = store.scalars(select(SandboxPayment.reference).where(SandboxPayment.status == "pending"))
        for reference in open_.all():
            sandbox.decide(stack.engine, reference, pays=False)

    def is_settled() -> bool:
        _pay_out(stack)
        for reference in _charging(stack):
            drivers.ask("POST", f"/api/payments/qr-sessions/{reference}/stop-charging/", {})
        return _is_settled(stack)

    return _until(is_settled)


def _charging(stack: Stack) -> list[str]:
    with reading(stack.engine) as store:
        return list(store.scalars(select(Payment.reference).where(Payment.state == "charging")))


def _pay_out(stack: Stack) -> None:
    provider = sandbox.Sandbox(stack.engine, stack.settings.phone_url)
    with reading(stack.engine) as store:
        admin = store.scalars(select(User).where(User.role == "admin").limit(1)).one()
    for each in provider_work.to_pay_out(stack.engine):
        told = sandbox.find(stack.engine, each.reference)
        if told is not None and told.refunded < each.refunded + each.held:
            provider.refund(each.reference, each.held)
        provider_work.record_refund(stack.engine, each.id, utc_now(), by=admin)


def _is_settled(stack: Stack) -> bool:
    waiting = WebhookEvent.state.in_(("received", "waiting"))
    with reading(stack.engine) as store:
        is_open = (Payment.state.not_in(_ENDED)) | (Payment.held > 0) | Payment.rebill_at.is_not(None)
        left = store.scalar(select(func.count()).select_from(Payment).where(is_open)) or 0
        return not left and not store.scalar(select(func.count()).select_from(WebhookEvent).where(waiting))


def _compare(stack: Stack) -> dict[str, Any]:
    """Sums in the currency of all of them, and how many payments do not add up."""
    with reading(stack.engine) as store:
        payments = store.scalars(select(Payment)).all()
        book = {each.reference: each for each in store.scalars(select(SandboxPayment))}
        sessions = {each.transaction_id: each for each in store.scalars(select(ChargingSession))}
    wrong = 0
    for each in payments:
        session = sessions.get(each.transaction_id) if each.transaction_id else None
        if reasons := list(_differences(each, book.get(each.reference), session)):
            wrong += 1
            print(f"payment {each.id} ({each.state}, {each.error}): {'; '.join(reasons)}")
    states = {state: sum(each.state == state for each in payments) for state in _ENDED}
    sums = ("paid", "billed", "refunded", "held", "written_off")
    return {
        "payments": len(payments),
        **states,
        **{name: str(sum((getattr(each, name) for each in payments), Decimal(0))) for name in sums},
        "differences": wrong,
    }


def _differences(
    payment: Payment, told: SandboxPayment | None, session: ChargingSession | None
) -> Iterator[str]:
    if payment.paid != payment.billed + payment.refunded + payment.held:
        yield "paid is not billed, refunded and held"
    came = told.amount if told and told.status == "success" else Decimal(0)
    if payment.paid != came:
        yield f"{payment.paid} were paid, the provider has {came}"
    if told and payment.refunded != told.refunded:
        yield f"{payment.refunded} were given back, of which the provider has {told.refunded}"
    cost = (session.cost if session else None) or Decimal(0)
    if payment.billed != cost:
        yield f"{payment.billed} were billed, the session costs {cost}"


def _until(holds: Any) -> bool:
    deadline = time.monotonic() + SETTLE_WITHIN
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(1)
    return True
