"""From a payment at a code to its bill and what is given back: nothing is lost, whatever comes in between."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import factories
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from payment_stage import PHONE, Stage
from sqlalchemy import Engine, delete, select
from sqlalchemy.exc import IntegrityError

import manage
from db.engine import reading, writing
from db.models import Base, ChargingSession, Command, OCPPConnector, Payment, PaymentMovement, User, utc_now
from jobs import work
from management import payments
from ocpp_integration import reconcile
from ocpp_integration.errors import InvalidRequest, NotFound
from ocpp_integration.payments import by_hand, charging_work, provider_work, sandbox
from ocpp_integration.payments.attempts import Wish
from ocpp_integration.payments.movements import LEASE, leased
from ocpp_integration.payments.provider import PaymentError, ProviderDown, ProviderSilent, Verified
from ocpp_integration.payments.tokens import revoke, token_of
from ocpp_integration.transport import NoAnswer, NotSent


@pytest.fixture
def stage(engine: Engine) -> Stage:
    return Stage(engine)


ALL_BACK = ("settled", "done", [("paid", "100.00"), ("refunded", "100.00")])


def test_what_is_paid_is_charged_billed_and_the_rest_given_back(stage: Stage) -> None:
    reference = stage.begin()
    stage.progress(6.5)
    stage.end(6500)
    stage.work(5)
    assert stage.payment(reference).state == "charging"
    stage.work(10)
    stage.work()
    assert stage.outcome(reference) == (
        "settled",
        "done",
        [("paid", "100.00"), ("billed", "65.00"), ("refunded", "35.00")],
    )
    told = next(body for path, body in stage.backend.asked if path.endswith("/initiate-charging/"))
    assert (told["payment_transaction_id"], told["payment_method"]) == (reference, "qr_code")


def test_printing_codes_tells_where_each_leads_and_that_phones_cannot_reach_it(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("PAYMENT_PROVIDER", "sandbox")
    monkeypatch.setenv("CHAPA_WEBHOOK_SECRET", "a secret of the sandbox")
    with writing(engine) as store:
        station = factories.add_station(store, factories.add_owner(store), "Mine")
        number = station.connectors[0].connector_id
        token = token_of(store, station.connectors[0], utc_now())
        name = station.station_id
    assert manage.main(["print-codes", name, "--folder", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert f"connector {number} leads to http://127.0.0.1:8080/pay/{token}/\n" in told
    assert "PUBLIC_URL" in told
    assert (tmp_path / f"{name}-codes.pdf").read_bytes().startswith(b"%PDF")


def test_callbacks_come_twice_and_nothing_happens_twice(stage: Stage) -> None:
    reference = stage.begin()
    for _ in range(3):
        provider_work.ask_soon(stage.engine, reference, stage.now)
        stage.work(1)
    assert stage.outcome(reference) == ("charging", None, [("paid", "100.00")])
    assert stage.sent("initiate-charging") == 1


def test_a_payment_is_found_without_any_callback(stage: Stage) -> None:
    reference = stage.attempts.open(stage.token, Wish(PHONE, amount=Decimal(100))).reference
    sandbox.decide(stage.engine, reference, pays=True)
    stage.work(10)
    assert stage.payment(reference).state == "paid"


def test_charging_is_stopped_once_when_the_money_is_used_up(stage: Stage) -> None:
    reference = stage.begin()
    stage.progress(9.0, 22)
    stage.work(1)
    assert stage.sent("stop-charging") == 0
    stage.progress(9.98, 22)
    stage.work(1)
    stage.work(1)
    assert stage.sent("stop-charging") == 1
    stage.end(10_003)
    stage.work(10)
    assert stage.outcome(reference) == ("settled", None, [("paid", "100.00"), ("billed", "100.00")])


def test_charging_is_stopped_between_reports_by_the_power_that_was_told_last(stage: Stage) -> None:
    stage.begin()
    stage.progress(9.0, 60)
    stage.work(50)
    assert stage.sent("stop-charging") == 0
    stage.work(10)
    assert stage.sent("stop-charging") == 1


def test_a_wish_for_energy_ends_with_it(stage: Stage) -> None:
    opened = stage.attempts.open(stage.token, Wish(PHONE, energy_wh=5000))
    assert opened.amount == Decimal("50.00")
    stage.decide(opened.reference)
    stage.work()
    stage.work()
    stage.tell("session_started", {"meter_start": 0, "connector_id": 1})
    stage.progress(5.0)
    stage.work(1)
    assert stage.sent("stop-charging") == 1


def test_a_stop_that_was_not_done_is_asked_for_again_and_an_unanswered_one_is_not(stage: Stage) -> None:
    stage.begin()
    stage.backend.answers["/stop-charging/"] = (503, {"error": "away", "code": "station_offline"})
    stage.progress(10.0)
    stage.work(1)
    stage.work(1)
    assert stage.sent("stop-charging") == 2
    stage.backend.answers["/stop-charging/"] = NoAnswer("cut the connection")
    stage.work(1)
    stage.work(1)
    assert stage.sent("stop-charging") == 3


def test_a_bill_is_never_larger_than_what_was_paid(stage: Stage) -> None:
    reference = stage.begin("50")
    stage.end(7000)
    stage.work(10)
    assert stage.outcome(reference) == ("settled", None, [("paid", "50.00"), ("billed", "50.00")])


def test_a_session_that_is_held_back_is_not_billed_until_somebody_has_looked(stage: Stage) -> None:
    reference = stage.begin()
    stage.end(1000)
    with writing(stage.engine) as store:
        store.scalars(select(ChargingSession)).one().verdict = "held"
    stage.work(60)
    assert stage.payment(reference).state == "charging"


@pytest.mark.parametrize(
    "answer",
    [
        (409, {"error": "The connector is busy.", "code": "connector_busy"}),
        (503, {"error": "The charge point is away.", "code": "station_offline"}),
        (404, {"error": "No such station.", "code": "unknown_station"}),
    ],
    ids=["taken", "offline", "unknown"],
)
def test_a_start_that_is_refused_gives_all_of_it_back(stage: Stage, answer: Any) -> None:
    reference = stage.pay()
    stage.backend.answers["/initiate-charging/"] = answer
    for _ in range(3):
        stage.work(1)
    assert stage.outcome(reference) == ALL_BACK
    assert stage.payment(reference).error == answer[1]["error"]


def test_of_two_that_paid_for_one_connector_the_second_gets_its_money_back(stage: Stage) -> None:
    first, second = stage.pay(), stage.pay()
    for _ in range(3):
        stage.work(1)
    assert stage.outcome(first)[0] == "charging"
    assert stage.outcome(second) == ALL_BACK
    assert stage.sent("initiate-charging") == 1


def test_a_backend_that_is_down_is_waited_for_five_minutes(stage: Stage) -> None:
    late, reference = stage.now, stage.pay()
    stage.backend.answers["/initiate-charging/"] = NotSent("cannot be reached")
    stage.work(1)
    stage.work(290)
    assert (stage.payment(reference).state, stage.now - late) == ("paid", timedelta(seconds=291))
    stage.work(20)
    stage.work(1)
    assert stage.outcome(reference) == ALL_BACK


def test_an_unanswered_start_is_never_sent_again_but_found_out_about(stage: Stage) -> None:
    reference = stage.pay()
    stage.backend.answers["/initiate-charging/"] = NoAnswer("cut the connection")
    for _ in range(3):
        stage.work(10)
    assert (stage.outcome(reference)[0], stage.sent("initiate-charging")) == ("paid", 1)
    stage.now += timedelta(minutes=4)
    reconcile.settle_unanswered(stage.engine, now=stage.now, start_within=timedelta(seconds=60))
    stage.work(300)
    stage.work(1)
    assert (stage.outcome(reference), stage.sent("initiate-charging")) == (ALL_BACK, 1)


def test_who_plugs_in_nothing_pays_nothing(stage: Stage) -> None:
    reference = stage.pay()
    stage.work()
    stage.work()
    stage.tell("session_stopped", {"stop_reason": "Timeout", "final_cost": None, "meter_stop": None})
    stage.work(11)
    stage.work()
    assert stage.outcome(reference) == ALL_BACK


def test_what_is_not_paid_in_time_expires(stage: Stage) -> None:
    reference = stage.attempts.open(stage.token, Wish(PHONE, amount=Decimal(100))).reference
    stage.work(60)
    assert stage.outcome(reference) == ("pending", None, [])
    stage.work(15 * 60)
    assert stage.outcome(reference) == ("expired", None, [])


@pytest.mark.parametrize("with_callback", [True, False])
def test_what_is_paid_too_late_is_given_back(stage: Stage, with_callback: bool) -> None:
    reference = stage.attempts.open(stage.token, Wish(PHONE, amount=Decimal(100))).reference
    stage.work(16 * 60)
    sandbox.decide(stage.engine, reference, pays=True)
    if with_callback:
        provider_work.ask_soon(stage.engine, reference, stage.now)
    stage.work(1 if with_callback else 3600)
    stage.work(1)
    assert (stage.outcome(reference), stage.sent("initiate-charging")) == (ALL_BACK, 0)


def test_what_the_driver_declines_has_failed(stage: Stage) -> None:
    reference = stage.pay(pays=False)
    stage.work()
    assert stage.outcome(reference) == ("failed", None, [])


@pytest.mark.parametrize(
    "lie", [{"currency": "USD"}, {"reference": "EV-other"}], ids=["currency", "reference"]
)
def test_what_the_provider_tells_of_another_payment_starts_nothing(stage: Stage, lie: Any) -> None:
    reference = stage.pay()
    stage.provider.lie = lie
    stage.work()
    stage.work(1)
    assert (stage.outcome(reference), stage.sent("initiate-charging")) == (("mismatched", None, []), 0)
    assert [each.reference for each in provider_work.to_pay_out(stage.engine)] == [reference]


def test_another_sum_than_was_asked_for_is_kept_for_people_to_give_back(stage: Stage) -> None:
    reference = stage.pay()
    stage.provider.lie = {"amount": Decimal(1)}
    stage.work()
    stage.work(1)
    assert stage.outcome(reference) == ("mismatched", "by_hand", [("paid", "1.00")])
    assert stage.sent("initiate-charging") == 0
    with writing(stage.engine) as store:
        factories.add_user(store)
    payments.record_refund(stage.engine, reference, user_name="admin")
    assert stage.outcome(reference) == ("settled", "done", [("paid", "1.00"), ("refunded", "1.00")])


def test_a_refund_that_nobody_confirmed_is_left_to_people_and_never_asked_for_again(stage: Stage) -> None:
    reference = stage.pay()
    stage.backend.answers["/initiate-charging/"] = (409, {"error": "Busy.", "code": "connector_busy"})
    stage.work()
    stage.work()
    stage.provider.fault = ProviderSilent("It gave no answer.")
    for _ in range(3):
        stage.work(60)
    assert stage.outcome(reference) == ("settled", "by_hand", [("paid", "100.00")])
    assert stage.payment(reference).held == Decimal(100)
    assert not provider_work.record_refund(stage.engine, stage.payment(reference).id, stage.now)
    with writing(stage.engine) as store:
        factories.add_user(store)
    payments.record_refund(stage.engine, reference, user_name="admin")
    with pytest.raises(InvalidRequest):
        payments.record_refund(stage.engine, reference, user_name="admin")
    assert stage.outcome(reference) == ALL_BACK


def test_a_provider_that_cannot_be_reached_is_asked_for_the_refund_later(stage: Stage) -> None:
    reference = stage.pay()
    stage.backend.answers["/initiate-charging/"] = (409, {"error": "Busy.", "code": "connector_busy"})
    stage.work()
    stage.work()
    stage.provider.fault = ProviderDown("It cannot be reached.")
    stage.work(1)
    stage.work(10)
    assert stage.outcome(reference) == ALL_BACK


def test_a_worker_that_slept_longer_than_its_lease_asks_for_no_second_refund(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = stage.pay()
    stage.backend.answers["/initiate-charging/"] = (409, {"error": "Busy.", "code": "connector_busy"})
    stage.work()
    stage.work()
    monkeypatch.setattr(stage.provider, "refund", lambda *_: (_ for _ in ()).throw(SystemExit))
    pk, limit = stage.payment(reference).id, provider_work.limit

    def sleep(*limited: Any) -> None:
        # Meanwhile another one asks for the refund, and is killed before it has an answer.
        monkeypatch.setattr(provider_work, "limit", limit)
        with pytest.raises(SystemExit):
            provider_work.work(stage.engine, stage.provider, pk, stage.now + 2 * LEASE)
        limit(*limited)

    monkeypatch.setattr(provider_work, "limit", sleep)
    provider_work.work(stage.engine, stage.provider, pk, stage.now)
    assert stage.outcome(reference) == ("settled", "sent", [("paid", "100.00")])


def test_another_sum_is_closed_only_once_it_is_given_back_and_comes_in_only_once(stage: Stage) -> None:
    reference = stage.pay()
    stage.provider.lie = {"amount": Decimal(60)}
    stage.work()
    with writing(stage.engine) as store:
        admin = factories.add_user(store)
    pk = stage.payment(reference).id
    with pytest.raises(by_hand.NotNow, match="give it back"):
        by_hand.close(stage.engine, pk, admin, "seen to", stage.now)
    by_hand.retry_refund(stage.engine, pk, admin, "it is back again", stage.now)
    with pytest.raises(by_hand.NotNow):
        by_hand.record_refund(stage.engine, pk, admin, "while it is asked for", stage.now)
    for _ in range(2):
        provider_work.ask_soon(stage.engine, reference, stage.now)
        stage.work(1)
    assert stage.outcome(reference) == ("settled", "done", [("paid", "60.00"), ("refunded", "60.00")])


@pytest.mark.parametrize("lie", [{"currency": "USD"}, {"amount": Decimal(-5)}])
def test_what_was_closed_stays_closed_whoever_calls_back(stage: Stage, lie: Any) -> None:
    reference = stage.pay()
    stage.provider.lie = lie
    stage.work()
    with writing(stage.engine) as store:
        admin = factories.add_user(store)
    by_hand.close(stage.engine, stage.payment(reference).id, admin, "seen to", stage.now)
    assert not provider_work.ask_soon(stage.engine, reference, stage.now)
    stage.work(1)
    assert stage.outcome(reference) == ("settled", None, [])


def test_nobody_pays_where_nobody_can_charge(stage: Stage) -> None:
    with writing(stage.engine) as store:
        store.scalars(select(OCPPConnector)).one().status = "faulted"
    with pytest.raises(InvalidRequest, match="out of order"):
        stage.attempts.open(stage.token, Wish(PHONE, amount=Decimal(100)))
    with reading(stage.engine) as store:
        assert store.scalars(select(Payment)).all() == []


def test_a_revoked_code_leads_nowhere_and_the_next_is_another(stage: Stage) -> None:
    with writing(stage.engine) as store:
        connector = store.scalars(select(OCPPConnector)).one()
        assert token_of(store, connector, stage.now) == stage.token
        revoke(store, connector, stage.now)
        assert token_of(store, connector, stage.now) != stage.token
    with pytest.raises(NotFound):
        stage.attempts.open(stage.token, Wish(PHONE, amount=Decimal(100)))


def test_drivers_are_told_apart_by_their_phones_and_cannot_sign_in(stage: Stage) -> None:
    stage.begin()
    with reading(stage.engine) as store:
        driver = store.scalars(select(User)).one()
        session = store.scalars(select(ChargingSession)).one()
    assert (driver.user_name, driver.role, driver.password_hash) == (f"phone:{PHONE}", "driver", None)
    assert (session.user_id, PHONE in driver.name) == (driver.id, False)


def test_one_worker_at_a_time_is_at_a_payment_and_a_dead_one_is_followed(stage: Stage) -> None:
    payment = stage.payment(stage.pay())
    with leased(stage.engine, payment.id, stage.now) as first:
        with leased(stage.engine, payment.id, stage.now) as second:
            assert (first is not None, second) == (True, None)
        with leased(stage.engine, payment.id, stage.now + timedelta(minutes=3)) as third:
            assert third is not None


def test_what_was_released_is_not_billed_by_a_report_that_comes_before_it_is_given_back(stage: Stage) -> None:
    reference = stage.begin()
    stage.end(6500)
    with writing(stage.engine) as store:
        admin = factories.add_user(store)
    by_hand.release(stage.engine, stage.payment(reference).id, admin, "the cable was broken", stage.now)
    stage.end(6600)
    for _ in range(3):
        stage.work(30)
    assert stage.outcome(reference) == ALL_BACK
    with reading(stage.engine) as store:
        assert store.scalar(select(ChargingSession.cost)) == 0
    assert stage.payment(reference).written_off == Decimal(66)


def test_a_worker_whose_clock_was_an_hour_ahead_when_it_died_is_followed_at_once(stage: Stage) -> None:
    payment = stage.payment(stage.pay())
    with writing(stage.engine) as store:
        row = store.get_one(Payment, payment.id)
        row.leased_until = stage.now + timedelta(hours=1)
    with leased(stage.engine, payment.id, stage.now) as taken:
        assert taken is not None


def test_a_payment_at_which_the_work_fails_keeps_no_other_driver_waiting(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, other = stage.pay(), stage.pay()
    verify = stage.provider.verify

    def fail(reference: str) -> Verified:
        if reference == broken:
            raise ZeroDivisionError
        return verify(reference)

    monkeypatch.setattr(stage.provider, "verify", fail)
    outcome = work.ask_provider(stage.engine, stage.provider, stage.clock)
    assert [stage.payment(each).state for each in (broken, other)] == ["pending", "paid"]
    assert (outcome.processed, outcome.failed) == (2, 1) and "ZeroDivisionError" in str(outcome.error)


def test_a_transaction_of_another_payment_is_not_limited_to_what_is_there_of_this_one(stage: Stage) -> None:
    second = stage.attempts.open(stage.token, Wish(PHONE, amount=Decimal(10)))
    reference = stage.begin()
    with pytest.raises(ValueError, match="another payment's"):
        charging_work._began(stage.engine, second, stage.payment(reference).transaction_id)
    with reading(stage.engine) as store:
        assert store.scalar(select(ChargingSession.prepaid)) == Decimal(100)


def test_the_store_takes_no_sums_that_do_not_add_up(stage: Stage) -> None:
    reference = stage.pay()
    with pytest.raises(IntegrityError), writing(stage.engine) as store:
        store.scalars(select(Payment).where(Payment.reference == reference)).one().held = Decimal(5)


def test_a_movement_is_never_changed(stage: Stage) -> None:
    stage.begin()
    with pytest.raises(ValueError, match="cannot be changed"), writing(stage.engine) as store:
        store.scalars(select(PaymentMovement)).one().amount = Decimal(1)


class Drivers(RuleBasedStateMachine):
    """Anything in any order, at one connector; after each step all money is somewhere."""

    engine: Engine

    @initialize()
    def empty(self) -> None:
        with self.engine.execution_options(writes=True).begin() as db:
            for table in reversed(Base.metadata.sorted_tables):
                db.execute(delete(table))
        self.stage = Stage(self.engine)
        self.references: list[str] = []

    @rule(amount=st.sampled_from(["10", "99.99", "100"]))
    def scan(self, amount: str) -> None:
        try:
            opened = self.stage.attempts.open(self.stage.token, Wish(PHONE, amount=Decimal(amount)))
        except InvalidRequest:
            return
        self.references.append(opened.reference)

    @rule(which=st.integers(0, 3), pays=st.booleans(), calls_back=st.booleans())
    def decide(self, which: int, pays: bool, calls_back: bool) -> None:
        if reference := self._one(which):
            sandbox.decide(self.engine, reference, pays=pays)
            if calls_back:
                provider_work.ask_soon(self.engine, reference, self.stage.now)

    @rule(which=st.integers(0, 3))
    def hear_again_or_be_deceived(self, which: int) -> None:
        if reference := self._one(which):
            provider_work.ask_soon(self.engine, reference, self.stage.now)
        provider_work.ask_soon(self.engine, "EV-of-nobody", self.stage.now)

    @rule(seconds=st.sampled_from([0, 1, 11, 400, 3000]))
    def pass_time(self, seconds: int) -> None:
        self.stage.work(seconds)

    @rule(answer=st.sampled_from(["agrees", "busy", "offline", "down", "silent"]))
    def have_the_backend(self, answer: str) -> None:
        answers: dict[str, Any] = {
            "busy": (409, {"error": "Busy.", "code": "connector_busy"}),
            "offline": (503, {"error": "Away.", "code": "station_offline"}),
            "down": NotSent("cannot be reached"),
            "silent": NoAnswer("cut the connection"),
        }
        self.stage.agree()
        if answer in answers:
            self.stage.backend.answers["/initiate-charging/"] = answers[answer]
            self.stage.backend.answers["/stop-charging/"] = answers[answer]

    @rule(fault=st.sampled_from([ProviderDown("down"), ProviderSilent("silent")]))
    def have_the_provider_fail(self, fault: PaymentError) -> None:
        self.stage.provider.fault = fault

    @rule(kwh=st.sampled_from([0.5, 5.0, 20.0]), ends=st.booleans())
    def charge(self, kwh: float, ends: bool) -> None:
        for transaction_id in self._running():
            data: dict[str, Any] = {"energy_consumed_kwh": kwh, "current_power_kw": 22, "meter_values": []}
            self.stage.tell("session_progress", data, transaction_id)
            if ends:
                stopped = {"energy_consumed_kwh": kwh, "stop_reason": "Local", "final_cost": None}
                self.stage.tell("session_stopped", stopped | {"meter_stop": None}, transaction_id)

    @rule(which=st.integers(0, 3), act=st.sampled_from([by_hand.retry_refund, by_hand.release, by_hand.bill]))
    def have_an_admin_act(self, which: int, act: Any) -> None:
        if (reference := self._one(which)) is None:
            return
        with writing(self.engine) as store:
            admin = store.scalar(select(User).where(User.role == "admin")) or factories.add_user(store)
        with contextlib.suppress(by_hand.NotNow):
            act(self.engine, self.stage.payment(reference).id, admin, "it lies still", self.stage.now)

    @rule()
    def find_out(self) -> None:
        reconcile.settle_unanswered(self.engine, now=self.stage.now, start_within=timedelta(seconds=60))

    @invariant()
    def all_money_is_somewhere(self) -> None:
        with reading(self.engine) as store:
            payments = store.scalars(select(Payment)).all()
            moved = store.scalars(select(PaymentMovement)).all()
            starts = store.scalars(select(Command).where(Command.kind == "start")).all()
        for payment in payments:
            zero = Decimal(0)
            rows = dict.fromkeys(("paid", "billed", "credited", "refunded"), zero)
            for row in moved:
                rows[row.kind] += row.amount if row.payment_id == payment.id else zero
            assert payment.paid == payment.billed + payment.refunded + payment.held
            assert (payment.paid, payment.billed, payment.refunded) == (
                rows["paid"],
                rows["billed"] - rows["credited"],
                rows["refunded"],
            )
            told = sandbox.find(self.engine, payment.reference)
            assert told is not None and payment.paid <= (told.amount if told.status == "success" else zero)
            assert payment.refunded <= told.refunded <= payment.paid - payment.billed
            assert payment.held == zero or payment.state != "settled" or payment.refund_state is not None
        paid = {charging_work.start_key(each) for each in payments if each.paid}
        assert {command.idempotency_key for command in starts} <= paid

    def _one(self, which: int) -> str | None:
        return self.references[which % len(self.references)] if self.references else None

    def _running(self) -> list[int]:
        with reading(self.engine) as store:
            found = store.scalars(select(ChargingSession).where(ChargingSession.stop_time.is_(None))).all()
            return [each.transaction_id for each in found if each.transaction_id]


def test_in_any_order_of_things_no_money_is_made_or_lost(engine: Engine) -> None:
    # SQLite is quick to empty; PostgreSQL sees fewer and shorter lives.
    examples = 25 if engine.dialect.name == "sqlite" else 6
    machine = type("Drivers", (Drivers,), {"engine": engine})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
