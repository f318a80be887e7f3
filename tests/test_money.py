"""Money is conserved: a week of drivers and faults, after which every amount is where it belongs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from money_week import STORIES, Week, play
from sqlalchemy import Engine, select

from db.analytics.scope import Period, Scope
from db.engine import reading, writing
from db.models import (
    ChargingSession,
    Payment,
    PaymentMovement,
    Receipt,
    SandboxPayment,
    StatementLine,
)
from ocpp_integration.billing import audit, receipts
from ocpp_integration.repricing import reprice

ZERO = Decimal(0)
# SQLite is quicker, and plays them all.
ON_BOTH = (
    "charges",
    "uses_it_up",
    "with_callbacks_twice",
    "pays_late",
    "are_two",
    "is_killed_while_giving_back",
    "costs_less_afterwards",
    "costs_more_before_the_rest_is_given_back",
    "cannot_be_true_after_all",
    "stays_until_it_is_used_up",
    "answer_is_too_late",
    "refund_is_refused",
)


@pytest.fixture
def week(engine: Engine) -> Iterator[Week]:
    played = play(engine, tuple(STORIES) if engine.dialect.name == "sqlite" else ON_BOTH)
    yield played
    played.close()


def test_after_a_week_of_faults_every_amount_is_where_it_belongs(week: Week) -> None:
    with writing(week.engine) as store:
        payments = store.scalars(select(Payment)).all()
        moved = store.scalars(select(PaymentMovement)).all()
        book = {each.reference: each for each in store.scalars(select(SandboxPayment))}
        sessions = {each.transaction_id: each for each in store.scalars(select(ChargingSession))}
        sums: Counter[str] = Counter()
        for each in payments:
            # To the minor unit, and nothing hangs in between.
            assert each.paid == each.billed + each.refunded + each.held
            assert (each.state in ("failed", "expired", "settled"), each.held) == (True, ZERO), each.error
            rows: Counter[str] = Counter()
            for row in moved:
                rows[row.kind] += row.amount if row.payment_id == each.id else ZERO
            told = (rows["paid"], rows["billed"] - rows["credited"], rows["refunded"])
            assert told == (each.paid, each.billed, each.refunded)
            # As the provider has it.
            there = book[each.reference]
            came = there.amount if there.status == "success" else ZERO
            assert (each.paid, each.refunded) == (came, there.refunded), each.error
            # As the session has it, and its newest receipt.
            session = sessions.get(each.transaction_id) if each.transaction_id else None
            assert each.billed == ((session.cost or ZERO) if session else ZERO), each.error
            if session is not None and session.cost is not None:
                assert receipts.give(store, session.id, now=week.now).gross == each.billed
            for name in ("paid", "billed", "refunded", "held"):
                sums[name] += getattr(each, name)
        assert sums["paid"] == sums["billed"] + sums["refunded"] + sums["held"] > 0
        assert sums["billed"] == sum((each.cost or ZERO for each in sessions.values()), ZERO)
        _nothing_was_done_twice(week, payments)
    week.issue(date(2026, 4, 1), datetime(2026, 5, 2, tzinfo=UTC))
    with reading(week.engine) as store:
        stated = sum(store.scalars(select(StatementLine.gross)), ZERO)
        assert stated == sums["billed"]
        assert {row.kind for row in store.scalars(select(StatementLine))} >= {"session", "correction"}
        newest: dict[int, Decimal] = {}
        for receipt in store.scalars(select(Receipt).order_by(Receipt.revision)):
            newest[receipt.session_id] = receipt.gross
        assert sum(newest.values(), ZERO) == sums["billed"]
        (anew,) = reprice(store, Scope.network(), Period(week.begin_day(), week.now.date()))
        assert (anew.booked, anew.anew, anew.differing) == (sums["billed"], sums["billed"], 0)
    audit.run(week.engine, now=week.now, since=None)
    with reading(week.engine) as store:
        found = store.scalars(audit.findings(Scope.network())).all()
        assert {each.check for each in found} == {"beyond_prepaid"}
        lost = sorted(each.written_off for each in payments if each.written_off * 50 > each.paid)
        assert sorted(each.amount or ZERO for each in found) == lost > []


def _nothing_was_done_twice(week: Week, payments: list[Payment]) -> None:
    asked = [told["payment_transaction_id"] for path, told in week.backend.asked if "initiate" in path]
    delivered = Counter(reference for reference in asked if reference in week.backend.begun)
    assert max(delivered.values()) == 1
    bound = [each.transaction_id for each in payments if each.transaction_id]
    assert len(bound) == len(set(bound))
