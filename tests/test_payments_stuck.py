"""Payments that wait for too long are named, with who has to do what, and so is what is not set up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import factories
import pytest
import requests
from receiver_app import make_settings
from sqlalchemy import Engine

from db.engine import reading, writing
from db.models import OCPPStation, Payment
from management import doctor
from ocpp_integration.payments.movements import move, settle
from ocpp_integration.payments.stuck import RULES, stuck
from ocpp_integration.payments.tokens import token_of

NOW = datetime.now(UTC).replace(microsecond=0)
LONG_AGO = NOW - timedelta(days=2)
HUNDRED = Decimal(100)


def _pay(store: Any, station: OCPPStation, number: int, at: datetime, **columns: Any) -> Payment:
    known = {"state": "paid", "provider": "sandbox", "phone": "+251911223344"}
    payment = Payment(
        reference=f"EV-{number}",
        connector=station.connectors[0],
        currency="ETB",
        amount=HUNDRED,
        expires_at=at,
        **known | {"paid_at": at} | columns,
    )
    store.add(payment)
    store.flush()
    if payment.state != "pending":
        move(store, payment, "paid", HUNDRED, at)
    return payment


def _one_of_each(store: Any, at: datetime) -> None:
    """A payment for each rule, in their order."""
    station = factories.add_station(store, factories.add_owner(store), connectors=1)
    held = factories.add_session(store, station, at, verdict="held", transaction_id=1)
    ended = factories.add_session(store, station, at, transaction_id=2)
    running = factories.add_session(
        store, station, at, minutes=None, status="charging", transaction_id=3, heard_at=NOW
    )
    _pay(store, station, 0, at, state="pending", due_at=at, paid_at=None)
    _pay(store, station, 1, at)
    for number, session in enumerate((held, ended, running), 2):
        _pay(store, station, number, at, state="charging", transaction_id=session.transaction_id)
    settle(store, _pay(store, station, 5, at), Decimal(0), at)
    given_up = _pay(store, station, 6, at)
    settle(store, given_up, Decimal(40), at)
    given_up.refund_state, given_up.due_at = "by_hand", None


def test_each_payment_that_waits_for_too_long_is_named_once_with_its_money(engine: Engine) -> None:
    with writing(engine) as store:
        _one_of_each(store, LONG_AGO)
    with reading(engine) as store:
        found = [(each.rule, each.payments, each.amount, each.currency) for each in stuck(store, NOW)]
    held = [0, 100, 100, 100, 100, 100, 60]
    assert found == [(rule, 1, Decimal(sum_), "ETB") for rule, sum_ in zip(RULES, held, strict=True)]


def test_what_is_under_way_is_no_finding_but_what_is_left_to_people(engine: Engine) -> None:
    with writing(engine) as store:
        _one_of_each(store, NOW - timedelta(minutes=31))
    with reading(engine) as store:
        assert [each.rule for each in stuck(store, NOW)] == [RULES[-1]]


def _findings(engine: Engine, **settings: Any) -> dict[str, str]:
    return {
        each.subject: each.message
        for each in doctor._payments(make_settings(engine, **settings))
        if not each.good
    }


def test_the_doctor_says_what_is_not_set_up_for_payments_and_the_mend(
    sqlite: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _findings(sqlite, payment_provider="none") == {}
    with writing(sqlite) as store:
        _one_of_each(store, LONG_AGO)
        station = store.get_one(OCPPStation, 1)
        token_of(store, station.connectors[0], NOW)
    found = _findings(sqlite, payment_provider="none")
    assert found["PAYMENT_PROVIDER"].startswith("none, but 1 codes lead to it and 7 payments are under way")
    assert "list-unsettled" in found["payments"]
    found = _findings(sqlite, receiver_port=1)
    assert "start the receiver" in found["callbacks of payments"]
    answer = requests.Response()
    answer.status_code = 404
    monkeypatch.setattr(requests, "get", lambda *_args, **_options: answer)
    found = _findings(sqlite, payment_provider="chapa", chapa_secret_key="k", public_url="http://pay.example")
    assert "is no https" in found["PUBLIC_URL"]
    assert found["callbacks of payments"].startswith("http://pay.example/api/payments/callback/ answers 404")
