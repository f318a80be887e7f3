"""Payments as rows and sums for whoever may see them, what an admin does about them, and their page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import factories
import pytest
from dashboard_pages import OpenPage, opening_pages, text_of
from pypdf import PdfReader
from sqlalchemy import Engine, select

from dashboard.payments import orders, rows
from dashboard.visitor import NotForYou, Visitor
from db.analytics import payments
from db.analytics.payments import PaymentFilter
from db.analytics.scope import Period, Scope
from db.engine import reading, writing
from db.models import AuditEntry, OCPPStation, Payment, PaymentMovement, User, utc_now
from ocpp_integration.errors import IntegrationError, NotFound
from ocpp_integration.payments import by_hand
from ocpp_integration.payments.movements import move, settle
from settings import load

NOW = utc_now()
MINE, FOREIGN = "Addis Charge", "Rift Energy"


def _pay(
    engine: Engine,
    station: str,
    reference: str,
    *,
    paid: str | None = "100",
    cost: str | None = None,
    **columns: object,
) -> int:
    """A payment begun two hours ago; where it is paid and has a `cost` it is settled, its refund due."""
    begun = NOW - timedelta(hours=2)
    with writing(engine) as store:
        place = store.scalars(select(OCPPStation).where(OCPPStation.station_id == station)).one()
        known: dict[str, object] = {
            "state": "paid" if paid else "pending",
            "paid_at": begun if paid else None,
        }
        payment = Payment(
            reference=reference,
            connector=place.connectors[0],
            provider="sandbox",
            phone="+251911223344",
            currency="ETB",
            amount=Decimal(100),
            expires_at=begun,
            created_at=begun,
            **known | columns,
        )
        store.add(payment)
        store.flush()
        if paid:
            move(store, payment, "paid", Decimal(paid), begun)
        if cost is not None:
            settle(store, payment, Decimal(cost), NOW)
            payment.refund_state = str(columns.get("refund_state") or payment.refund_state)
        return payment.id


@pytest.fixture
def pks(engine: Engine) -> dict[str, int]:
    """An admin, two owners with a station each, and payments: one to be given back by hand, one that is
    stuck and one that was not made at the first owner's, one that differs at the other's.
    """
    with writing(engine) as store:
        factories.add_user(store, "admin")
        for user_name, name in (("selam", MINE), ("dawit", FOREIGN)):
            owner = factories.add_owner(store, name)
            factories.add_user(store, user_name, "owner", owner)
            tariff = factories.add_tariff(store)
            factories.add_station(store, owner, f"{name} 1", station_id=name, tariff=tariff)
    return {
        "by hand": _pay(engine, MINE, "EV-hand", cost="65", refund_state="by_hand", error="It said no."),
        "stuck": _pay(engine, MINE, "EV-stuck"),
        "unpaid": _pay(engine, MINE, "EV-unpaid", paid=None, state="expired"),
        "differs": _pay(engine, FOREIGN, "EV-other", paid=None, state="mismatched"),
    }


@pytest.fixture
def open_page(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenPage]:
    settings = load(None, payment_provider="sandbox", chapa_webhook_secret="s")
    with opening_pages(engine, settings, monkeypatch) as opening:
        yield opening


def _who(engine: Engine, user_name: str) -> Visitor:
    with reading(engine) as store:
        user = store.scalars(select(User).where(User.user_name == user_name)).one()
        return Visitor(user, Scope.of(user))


def _listed(engine: Engine, user_name: str, **wanted: Any) -> set[str]:
    with reading(engine) as store:
        found = payments.list_payments(store, _who(engine, user_name).scope, PaymentFilter(**wanted))
    return {row.reference for row in found}


def _payment(engine: Engine, pk: int) -> Payment:
    with reading(engine) as store:
        return store.get_one(Payment, pk)


def test_a_list_holds_the_payments_at_ones_own_stations_only(engine: Engine, pks: dict[str, int]) -> None:
    mine = {"EV-hand", "EV-stuck", "EV-unpaid"}
    assert _listed(engine, "selam") == mine
    assert _listed(engine, "dawit") == {"EV-other"}
    assert _listed(engine, "admin") == mine | {"EV-other"}
    scope = _who(engine, "dawit").scope
    with reading(engine) as store:
        assert payments.find_payment(store, scope, pks["by hand"]) is None
        assert payments.movements(store, scope, pks["by hand"]) == []
        counts = [payments.count_wanting_people(store, each, NOW, 9) for each in (scope, Scope.network())]
    assert counts == [1, 3]


@pytest.mark.usefixtures("pks")
def test_what_was_paid_is_what_was_billed_given_back_and_is_held(engine: Engine) -> None:
    with reading(engine) as store:
        found = payments.payment_sums(store, Scope.network(), PaymentFilter())["ETB"]
    assert (found.payments, found.paid, found.billed, found.refunded, found.held) == (4, 200, 65, 0, 135)


@pytest.mark.usefixtures("pks")
def test_payments_are_found_by_their_state_their_day_and_what_is_known_of_them(engine: Engine) -> None:
    assert _listed(engine, "admin", group="attention") == {"EV-hand", "EV-stuck", "EV-other"}
    assert _listed(engine, "admin", group="unpaid") == {"EV-unpaid"}
    assert _listed(engine, "admin", group="open") == {"EV-stuck"}
    assert _listed(engine, "admin", search="ev-HAND") == {"EV-hand"}
    assert _listed(engine, "admin", search="rift") == {"EV-other"}
    assert _listed(engine, "admin", period=Period(date(2020, 1, 1), date(2020, 1, 2))) == set()


@pytest.mark.usefixtures("pks")
def test_a_phone_is_found_whole_or_by_its_last_digits_and_shown_by_those_only(engine: Engine) -> None:
    sizes = [
        len(_listed(engine, "admin", search=text)) for text in ("3344", "0911 22 33 44", "+251911223344")
    ]
    assert sizes == [4, 4, 4]
    assert [_listed(engine, "admin", search=text) for text in ("22334", "9112", "%")] == [set()] * 3
    with reading(engine) as store:
        rows = payments.list_payments(store, Scope.network(), PaymentFilter())
    assert {row.phone for row in rows} == {"…3344"}


def test_an_admins_acts_happen_once_and_are_audited(engine: Engine, pks: dict[str, int]) -> None:
    admin = _who(engine, "admin").user
    acts = [
        (by_hand.retry_refund, "by hand"),
        (by_hand.release, "stuck"),
        (by_hand.close, "differs"),
    ]
    for act, which in acts:
        act(engine, pks[which], admin, "the driver called", NOW)
        with pytest.raises(by_hand.NotNow):
            act(engine, pks[which], admin, "the driver called", NOW)
    found = [_payment(engine, pks[which]) for _, which in acts]
    assert [(each.state, each.refund_state, each.held) for each in found] == [
        ("settled", "due", 35),
        ("settled", "due", 100),
        ("settled", None, 0),
    ]
    with reading(engine) as store:
        of_admin = select(AuditEntry).where(AuditEntry.user_name == "admin").order_by(AuditEntry.id)
        told = store.scalars(of_admin).all()
    assert [(each.action, each.details["reason"]) for each in told] == [
        (action, "the driver called") for action in ("retry refund", "release payment", "close payment")
    ]


def test_a_payment_whose_session_runs_is_neither_released_nor_billed(
    engine: Engine, pks: dict[str, int]
) -> None:
    with writing(engine) as store:
        station = store.scalars(select(OCPPStation).where(OCPPStation.station_id == MINE)).one()
        session = factories.add_session(store, station, NOW, minutes=None, status="charging")
        row = store.get_one(Payment, pks["stuck"])
        row.state, row.transaction_id = "charging", session.transaction_id
    admin = _who(engine, "admin").user
    for act in (by_hand.release, by_hand.bill):
        with pytest.raises(by_hand.NotNow, match="still runs"):
            act(engine, pks["stuck"], admin, "why", NOW)
    assert "EV-stuck" not in _listed(engine, "admin", group="attention")


def test_a_session_that_ended_is_billed_by_hand_up_to_what_was_paid(
    engine: Engine, pks: dict[str, int]
) -> None:
    with writing(engine) as store:
        station = store.scalars(select(OCPPStation).where(OCPPStation.station_id == MINE)).one()
        session = factories.add_session(store, station, NOW - timedelta(hours=2), cost=Decimal(125))
        row = store.get_one(Payment, pks["stuck"])
        row.state, row.transaction_id = "charging", session.transaction_id
    by_hand.bill(engine, pks["stuck"], _who(engine, "admin").user, "no more reports", NOW)
    found = _payment(engine, pks["stuck"])
    assert (found.state, found.billed, found.held, found.refund_state) == ("settled", 100, 0, None)


def test_steps_tell_what_was_billed_and_given_back_in_all(engine: Engine, pks: dict[str, int]) -> None:
    with writing(engine) as store:
        row = store.get_one(Payment, pks["by hand"])
        move(store, row, "refunded", Decimal(35), NOW)
        settle(store, row, Decimal(60), NOW)
        move(store, row, "refunded", Decimal(5), NOW)
    with reading(engine) as store:
        found = payments.find_payment(store, Scope.network(), pks["by hand"])
        moved = payments.movements(store, Scope.network(), pks["by hand"])
    assert found is not None
    told = [step.words.replace("\xa0", " ") for step in rows.steps(found, moved)]
    assert told[-2:] == ["Billed 60.00 ETB", "Given back 40.00 ETB"]


@pytest.mark.usefixtures("pks")
def test_an_owner_sees_its_payments_and_can_do_nothing_about_them(
    engine: Engine, pks: dict[str, int], open_page: OpenPage
) -> None:
    page = open_page("selam", "payments")
    said = text_of(page)
    assert "200.00 ETB paid 65.00 ETB billed 0.00 ETB given back 135.00 ETB held" in said
    assert "Addis Charge 1" in said and FOREIGN not in said and "911223" not in said
    page.button(key=f"open-{pks['by hand']}").click().run()
    said = text_of(page)
    # In the list, and once in the drawer.
    assert "has to be given back by hand" in said and said.count("It said no.") == 2
    assert [button.key for button in page.button if str(button.key).startswith("payment-")] == []
    selam = _who(engine, "selam")
    with pytest.raises(NotForYou):
        orders.act(selam, pks["by hand"], orders.RETRY, "please")
    with pytest.raises(NotFound):
        orders.look_into(selam, pks["differs"])


def test_an_admin_records_a_refund_once_with_how_it_was_made(
    engine: Engine, pks: dict[str, int], open_page: OpenPage
) -> None:
    page = open_page("admin", "payments")
    assert "3 payments want attention" in text_of(page)
    page.button(key=f"open-{pks['by hand']}").click().run()
    page.button(key=f"payment-record-{pks['by hand']}").click().run()
    page.button(key="payment-confirm").click().run()
    assert "Say why" in text_of(page)
    page.text_input(key="payment-reason").set_value("Telebirr 8F2K").run()
    page.button(key="payment-confirm").click().run()
    assert not page.exception and "2 payments want attention" in text_of(page)
    found = _payment(engine, pks["by hand"])
    assert (found.refund_state, found.refunded, found.held) == ("done", 35, 0)
    with reading(engine) as store:
        moved = store.scalars(
            select(PaymentMovement.kind).where(PaymentMovement.payment_id == found.id)
        ).all()
        told = store.scalars(select(AuditEntry).where(AuditEntry.action == "record refund")).one()
    assert (sorted(moved), told.details["how"]) == (["billed", "paid", "refunded"], "Telebirr 8F2K")
    with pytest.raises(by_hand.NotNow):
        by_hand.record_refund(engine, found.id, _who(engine, "admin").user, "again", NOW)


@pytest.mark.usefixtures("open_page")
def test_the_codes_of_a_station_are_printed_in_both_languages_for_whoever_may_see_it(
    engine: Engine,
    pks: dict[str, int],  # noqa: ARG001 - the stations
) -> None:
    with reading(engine) as store:
        mine, foreign = store.scalars(select(OCPPStation.id).order_by(OCPPStation.id)).all()
    selam = _who(engine, "selam")
    printed = PdfReader(BytesIO(orders.codes_file(selam, mine))).pages[0].extract_text()
    for words in ("Addis Charge 1", "ማገናኛ", "Connector 2", "ስካን፣ ክፍያ፣ ቻርጅ", "Scan, pay, charge"):
        assert words in printed
    with pytest.raises(IntegrationError):
        orders.codes_file(selam, foreign)
