"""The billing audit: what it finds, with the money at stake, and that it closes what no longer holds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import factories
import pytest
from one_station import add_network
from sqlalchemy import Engine, event, select, text, update
from tariff_makers import BEFORE, energy_at, give
from webhooks import NOON

from db.analytics.scope import Scope
from db.engine import reading, writing
from db.models import BillingFinding, ChargingSession, OCPPStation, Payment, Statement, StationOwner
from ocpp_integration.billing import audit, statements
from ocpp_integration.exports import billing as exported
from ocpp_integration.exports.files import to_csv
from ocpp_integration.payments.charging_work import METHOD, START_WITHIN
from ocpp_integration.payments.movements import move, settle

FIRST, SECOND = NOON + timedelta(days=1), NOON + timedelta(days=2)
LATER = datetime(2026, 9, 1, tzinfo=UTC)


@pytest.fixture
def network(engine: Engine) -> Engine:
    """A store with one station of two connectors at 10 ETB/kWh, and a good session of 125 ETB."""
    add_network(engine)
    _charge(engine)
    return engine


def _charge(engine: Engine, at: datetime = NOON, **columns: Any) -> int:
    with writing(engine) as store:
        station = store.scalars(select(OCPPStation)).one()
        return factories.add_session(store, station, at, **columns).id


def _audit(engine: Engine, now: datetime = FIRST, since: datetime | None = None) -> list[BillingFinding]:
    audit.run(engine, now=now, since=since)
    with reading(engine) as store:
        return list(store.scalars(audit.findings(Scope.network())))


def _change(engine: Engine, session_pk: int, **values: Any) -> None:
    with writing(engine) as store:
        store.execute(update(ChargingSession).where(ChargingSession.id == session_pk).values(values))


def _told(found: list[BillingFinding]) -> list[tuple[str, Decimal | None, list[int]]]:
    return [(each.check, each.amount, each.session_ids) for each in found]


def test_where_everything_adds_up_nothing_is_found(network: Engine) -> None:
    assert _audit(network) == []


def test_energy_without_a_bill_is_what_it_would_have_cost(network: Engine) -> None:
    free = _charge(network, NOON + timedelta(hours=1), cost=Decimal(0))
    unpriced = _charge(network, NOON + timedelta(hours=2), cost=None, tariff_id=None)
    _charge(network, NOON + timedelta(hours=3), cost=None, source="import", tariff_id=None)
    _charge(network, NOON + timedelta(hours=4), cost=None, verdict="held")
    assert _told(_audit(network)) == [
        ("energy_without_bill", Decimal("125.00"), [free]),
        ("energy_without_bill", None, [unpriced]),
    ]


def test_the_sessions_of_many_findings_are_named_by_one_question(network: Engine) -> None:
    free = {"cost": Decimal(0), "transaction_id": None}
    numbered = _charge(network, NOON + timedelta(hours=1), **free | {"transaction_id": 801})
    imported = _charge(network, NOON + timedelta(hours=2), **free, external_id="row 7")
    found = _audit(network)
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    event.listen(network, "before_cursor_execute", note)
    with reading(network) as store:
        named = {tuple(each.session_ids): names for each, names in audit.with_sessions(store, found)}
    event.remove(network, "before_cursor_execute", note)
    assert named == {(numbered,): ["801"], (imported,): ["row 7"]}
    assert len([each for each in asked if "charging_sessions" in each]) == 1


def test_a_bill_without_energy_is_all_at_stake(network: Engine) -> None:
    session = _charge(network, NOON + timedelta(hours=1), energy_wh=0, cost=Decimal("7.00"))
    assert _told(_audit(network)) == [("bill_without_energy", Decimal("7.00"), [session])]


def test_of_two_sessions_at_once_the_lesser_bill_is_at_stake(network: Engine) -> None:
    first = _charge(network, NOON + timedelta(hours=1), minutes=300)
    inside = _charge(network, NOON + timedelta(hours=2), cost=Decimal("5.00"))
    other = _charge(network, NOON + timedelta(hours=3), cost=Decimal("9.00"))
    _charge(network, NOON + timedelta(hours=2), connector=2)
    _charge(network, NOON + timedelta(hours=6, seconds=-30))
    assert _told(_audit(network)) == [
        ("overlap", Decimal("9.00"), [first, other]),
        ("overlap", Decimal("5.00"), [first, inside]),
    ]


def test_a_session_of_a_wrong_tariff_is_off_by_the_difference(network: Engine) -> None:
    made = give(network, "dear", energy_at("12"))
    right = _charge(network, NOON + timedelta(hours=1), tariff_id=made.id, cost=Decimal("150.00"))
    with reading(network) as store:
        old = store.scalars(select(ChargingSession).where(ChargingSession.id != right)).one()
    (found,) = _audit(network)
    assert _told([found]) == [("wrong_tariff", Decimal("25.00"), [old.id])]
    assert found.words == "Billed by 10 ETB, where dear version 1 held when it began"
    _change(network, old.id, start_time=BEFORE - timedelta(hours=2))
    assert _audit(network, SECOND) == []


def _reference(number: int) -> str:
    return f"EV-{number:032x}"


def _pay(engine: Engine, number: int = 1, *, billed: str | None = None, **columns: Any) -> int:
    """200 ETB that were paid at noon; settled with what is `billed`, where that is told."""
    known = {"state": "paid", "provider": "sandbox", "phone": "+251911223344", "currency": "ETB"}
    with writing(engine) as store:
        connector = store.scalars(select(OCPPStation)).one().connectors[0]
        payment = Payment(
            reference=_reference(number),
            connector=connector,
            amount=Decimal(200),
            expires_at=NOON,
            paid_at=NOON,
            **known | columns,
        )
        store.add(payment)
        store.flush()
        move(store, payment, "paid", Decimal(200), NOON)
        if billed is not None:
            settle(store, payment, Decimal(billed), NOON)
        return payment.id


def _give_back(engine: Engine, payment_id: int) -> None:
    with writing(engine) as store:
        payment = store.get_one(Payment, payment_id)
        move(store, payment, "refunded", payment.held, SECOND)
        payment.refund_state, payment.state, payment.settled_at = "done", "settled", SECOND


def _charge_in_advance(engine: Engine, number: int = 1, **columns: Any) -> int:
    known = {"payment_method": METHOD, "payment_transaction_id": _reference(number)}
    return _charge(engine, NOON + timedelta(hours=number), **known | columns)


def test_money_that_is_held_without_a_session_is_at_stake_once_none_can_come(network: Engine) -> None:
    payment = _pay(network)
    deadline = NOON + START_WITHIN
    assert _audit(network, deadline - timedelta(seconds=1)) == []
    (found,) = _audit(network, deadline)
    assert _told([found]) == [("paid_without_session", Decimal("200.00"), [])]
    assert ("200.00 held" in found.words, _reference(1) in found.words + found.subject) == (True, False)
    with reading(network) as store:
        assert found.ocpp_station_id == store.scalars(select(OCPPStation.id)).one()
    _give_back(network, payment)
    assert _audit(network, SECOND) == []


def test_a_refund_is_waited_for_for_an_hour_and_one_by_hand_is_not(network: Engine) -> None:
    payment = _pay(network, billed="0")
    assert _audit(network, NOON + timedelta(minutes=59)) == []
    assert [each.amount for each in _audit(network, NOON + timedelta(hours=1))] == [Decimal("200.00")]
    with writing(network) as store:
        store.get_one(Payment, payment).refund_state = "by_hand"
    assert len(_audit(network, NOON)) == 1


def test_what_was_billed_without_a_session_is_at_stake_after_the_rest_was_given_back(network: Engine) -> None:
    _give_back(network, _pay(network, billed="80"))
    assert _told(_audit(network)) == [("paid_without_session", Decimal("80.00"), [])]


def test_a_payment_whose_session_came_is_not_without_one(network: Engine) -> None:
    _charge_in_advance(network, transaction_id=7001)
    _pay(network, billed="125", transaction_id=7001)
    _charge_in_advance(network, 2, minutes=None, status="charging")
    _pay(network, 2)
    assert _audit(network) == []


def test_a_session_that_was_begun_as_paid_by_code_has_such_a_payment(network: Engine) -> None:
    session = _charge_in_advance(network)
    _charge_in_advance(network, 2, payment_transaction_id="PAY-2026-0001")
    _charge_in_advance(network, 3, source="import")
    _charge_in_advance(network, 4, payment_method="dashboard")
    _charge_in_advance(network, 5, verdict="held")
    assert _told(_audit(network)) == [("session_without_payment", Decimal("125.00"), [session])]
    _pay(network, billed="125")
    assert _audit(network, SECOND) == []


def test_a_session_that_costs_another_sum_than_was_billed_is_off_by_the_difference(network: Engine) -> None:
    session = _charge_in_advance(network)
    _pay(network, billed="100")
    (found,) = _audit(network)
    assert _told([found]) == [("session_without_payment", Decimal("25.00"), [session])]
    assert found.words.startswith("It costs 125.00, and 100.00 ETB of payment")
    _change(network, session, cost=Decimal("100.00"), verdict="corrected")
    assert _audit(network, SECOND) == []


def test_the_bill_of_a_session_that_has_ended_is_waited_for_for_an_hour(network: Engine) -> None:
    ends = NOON + timedelta(hours=1, minutes=30)
    session = _charge_in_advance(network, transaction_id=7001)
    _pay(network, state="charging", transaction_id=7001)
    assert _audit(network, ends + timedelta(minutes=59)) == []
    found = _audit(network, ends + timedelta(hours=1))
    assert _told(found) == [("session_without_payment", Decimal("125.00"), [session])]


def _issue(engine: Engine, month: date = date(2026, 3, 1)) -> Statement:
    with writing(engine) as store:
        owner = store.scalars(select(StationOwner.id)).one()
        return statements.issue(store, None, owner, month, now=LATER)[0]


def test_what_changed_after_its_statement_ends_with_the_next_one(network: Engine) -> None:
    statement = _issue(network)
    with reading(network) as store:
        session = store.scalars(select(ChargingSession.id)).one()
    _change(network, session, cost=Decimal("100.00"))
    (found,) = _audit(network)
    assert _told([found]) == [("statement_changed", Decimal("25.00"), [session])]
    assert (found.statement_id, "-25.00 ETB" in found.words) == (statement.id, True)
    _issue(network, date(2026, 4, 1))
    assert _audit(network, SECOND) == []


def test_a_statement_that_somebody_changed_in_the_store_is_found(network: Engine) -> None:
    statement = _issue(network)
    name = "statements_never_change"
    with network.execution_options(writes=True).begin() as db:
        db.execute(text(f"DROP TRIGGER {name}" + ("" if db.dialect.name == "sqlite" else " ON statements")))
        db.execute(update(Statement).values(gross=Decimal("999.00")))
        if db.dialect.name == "postgresql":
            db.execute(
                text(
                    f"CREATE TRIGGER {name} BEFORE UPDATE ON statements "
                    "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
                )
            )
    (found,) = _audit(network)
    assert (found.check, found.amount) == ("statement_sums", Decimal("874.00"))
    assert found.subject == statement.name


def test_a_finding_keeps_when_it_was_first_seen_and_closes_itself(network: Engine) -> None:
    session = _charge(network, NOON + timedelta(hours=1), cost=Decimal(0))
    _audit(network, FIRST)
    (found,) = _audit(network, SECOND)
    assert (found.first_seen_at, found.last_seen_at, found.closed_at) == (FIRST, SECOND, None)
    _change(network, session, cost=Decimal("125.00"))
    assert _audit(network, LATER) == []
    with reading(network) as store:
        (closed,) = store.scalars(audit.findings(Scope.network(), is_open=False))
        assert (closed.last_seen_at, closed.closed_at) == (SECOND, LATER)
    _change(network, session, cost=Decimal(0))
    assert [each.first_seen_at for each in _audit(network, LATER)] == [LATER]


def test_what_is_found_stays_found_when_it_is_older_than_the_audit_looks_back(network: Engine) -> None:
    _charge(network, NOON + timedelta(hours=1), cost=Decimal(0))
    _charge(network, NOON + timedelta(hours=2), minutes=120, cost=Decimal("1.00"))
    _charge(network, NOON + timedelta(hours=3), cost=Decimal("2.00"))
    before = [each.id for each in _audit(network)]
    assert len(before) == 2
    assert [each.id for each in _audit(network, LATER, since=SECOND)] == before
    with writing(network) as store:
        store.execute(update(BillingFinding).values(closed_at=LATER))
    assert _audit(network, LATER, since=SECOND) == []


def test_an_owner_sees_its_own_findings_only(network: Engine) -> None:
    _charge(network, NOON + timedelta(hours=1), cost=Decimal(0), transaction_id=7777)
    _audit(network)
    with writing(network) as store:
        mine = store.scalars(select(StationOwner.id)).one()
        other = factories.add_owner(store, "Elsewhere").id
        station = store.scalars(select(OCPPStation.id)).one()
    with reading(network) as store:
        seen = {
            scope: b"7777" in b"".join(to_csv(exported.findings(store, scope)))
            for scope in (Scope.owner(mine), Scope.station(station), Scope.network(), Scope.owner(other))
        }
        assert list(seen.values()) == [True, True, True, False]
        (total,) = audit.totals(store, Scope.owner(mine))
        assert (total.findings, total.amount) == (1, Decimal("125.00"))
        assert audit.totals(store, Scope.owner(other)) == []
