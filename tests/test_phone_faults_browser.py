"""A phone in a real browser when something goes wrong: what its driver reads, and where the money is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
import requests
from browser import open_phone
from factories import make_store
from playwright.sync_api import Browser, Page, expect
from ports import free_port
from receiver_app import Running, running_receiver
from sqlalchemy import func, select
from test_payments_browser import jobs_of, tell

from db.engine import reading
from db.models import Payment, PaymentMovement
from ocpp_integration.payments import sandbox
from ocpp_integration.payments.signature import HEADER, sign

WAITING = "Waiting for the payment"
ALL_BACK = ("settled", "done", [("paid", "50.00"), ("refunded", "50.00")])


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    port = free_port()
    engine = make_store(tmp_path_factory.mktemp("phone"))
    with running_receiver(engine, public_url=f"http://127.0.0.1:{port}", port=port) as running:
        yield running


@pytest.fixture
def receiver(shared: Running) -> Running:
    """Whose backend agrees to everything, with a transaction of its own for each test."""
    with reading(shared.engine) as store:
        number = 80_000 + (store.scalar(select(func.count()).select_from(Payment)) or 0)
    shared.backend.asked.clear()
    shared.backend.answers = {
        "/initiate-charging/": (200, {"transaction": {"transaction_id": number, "status": "Started"}}),
        "/stop-charging/": (200, {"status": "Stopping"}),
    }
    return shared


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    page = open_phone(browser)
    yield page
    page.context.close()


def _scan(phone: Page, receiver: Running) -> str:
    """From the code to the provider's page, with two quick touches of the button; the reference."""
    phone.goto(f"{receiver.url}/pay/{receiver.people.token}/")
    phone.get_by_label("Amount (ETB)").fill("50")
    phone.get_by_label("Phone number").fill("0911223344")
    phone.get_by_role("button", name="Pay").dblclick()
    expect(phone.locator("#pays")).to_be_visible()
    return phone.url.rstrip("/").rsplit("/", 1)[1]


def _pay(phone: Page, receiver: Running) -> str:
    reference = _scan(phone, receiver)
    phone.locator("#pays").click()
    expect(phone.locator("#status")).to_have_text(WAITING)
    return reference


def _outcome(receiver: Running, reference: str) -> tuple[str, str | None, list[tuple[str, str]]]:
    with reading(receiver.engine) as store:
        row = store.scalars(select(Payment).where(Payment.reference == reference)).one()
        moved = store.scalars(
            select(PaymentMovement).where(PaymentMovement.payment_id == row.id).order_by(PaymentMovement.id)
        )
        return row.state, row.refund_state, [(each.kind, f"{each.amount:.2f}") for each in moved]


def _call_back(receiver: Running, reference: str, *, is_forged: bool = False) -> int:
    body = json.dumps({"tx_ref": reference, "status": "success"}).encode()
    headers = {
        "content-type": "application/json",
        HEADER: sign("forged" if is_forged else "whsec_test", body),
    }
    return receiver.post_raw(body, headers, "/api/payments/callback/").status_code


def _end(receiver: Running) -> None:
    """The session that was started last has charged 2 kWh, and is billed."""
    number = receiver.backend.answers["/initiate-charging/"][1]["transaction"]["transaction_id"]  # type: ignore[index]
    tell(receiver, "session_started", {"meter_start": 0, "connector_id": 2}, 20, number)
    ended = {"meter_stop": 2000, "stop_reason": "Local", "final_cost": None}
    tell(receiver, "session_stopped", ended, 1, number)
    for _ in range(3):
        jobs_of(receiver)(timedelta(seconds=20))


def _started(receiver: Running) -> int:
    return [path for path, _ in receiver.backend.asked].count("/api/locator/initiate-charging/")


def test_who_does_not_pay_reads_so_and_tries_again(receiver: Running, phone: Page) -> None:
    reference = _scan(phone, receiver)
    phone.locator("#declines").click()
    expect(phone.locator("#status")).to_have_text(WAITING)
    jobs_of(receiver)()
    expect(phone.locator("#status")).to_have_text("The payment failed")
    assert _outcome(receiver, reference) == ("failed", None, [])
    phone.get_by_role("link", name="Try again").click()
    expect(phone.locator("#pay")).to_be_enabled()
    expect(phone.locator("#last")).to_have_attribute("href", f"/pay/session/{reference}/")


def test_a_charge_goes_on_without_the_browser_and_its_receipt_is_there_later(
    receiver: Running, phone: Page, browser: Browser
) -> None:
    reference = _pay(phone, receiver)
    phone.close()
    for _ in range(2):
        jobs_of(receiver)()
    _end(receiver)
    later = browser.new_page()
    later.goto(f"{receiver.url}/pay/session/{reference}/")
    expect(later.locator("#receipt")).to_contain_text("Billed20.00 ETB")
    expect(later.locator("#receipt")).to_contain_text("Given back30.00 ETB")
    later.close()
    moved = [("paid", "50.00"), ("billed", "20.00"), ("refunded", "30.00")]
    assert _outcome(receiver, reference) == ("settled", "done", moved)


def test_a_callback_that_comes_twice_starts_and_books_once(receiver: Running, phone: Page) -> None:
    reference = _pay(phone, receiver)
    for _ in range(3):
        assert _call_back(receiver, reference) == 200
        jobs_of(receiver)()
    phone.reload()
    expect(phone.locator("#status")).to_have_text("Starting")
    assert _outcome(receiver, reference) == ("charging", None, [("paid", "50.00")])
    assert _started(receiver) == 1
    _end(receiver)


def test_a_forged_callback_pays_nothing(receiver: Running, phone: Page) -> None:
    reference = _scan(phone, receiver)
    assert _call_back(receiver, reference, is_forged=True) == 401
    jobs_of(receiver)()
    phone.goto(f"{receiver.url}/pay/session/{reference}/")
    expect(phone.locator("#status")).to_have_text(WAITING)
    expect(phone.get_by_role("button", name="Go on to pay")).to_be_visible()
    assert (_outcome(receiver, reference), _started(receiver)) == (("pending", None, []), 0)


def test_a_callback_before_the_redirect_is_there_when_the_driver_comes_back(
    receiver: Running, phone: Page
) -> None:
    reference = _scan(phone, receiver)
    sandbox.decide(receiver.engine, reference, pays=True)
    for _ in range(2):
        jobs_of(receiver)()
    phone.locator("#pays").click()
    expect(phone.locator("#status")).to_have_text("Starting")
    assert _outcome(receiver, reference) == ("charging", None, [("paid", "50.00")])
    _end(receiver)


@pytest.mark.parametrize(
    "refusal",
    [
        (409, {"error": "The connector is busy.", "code": "connector_busy"}),
        (503, {"error": "The charge point is not connected.", "code": "station_offline"}),
    ],
    ids=["taken meanwhile", "offline after the payment"],
)
def test_a_connector_that_cannot_begin_has_all_of_it_given_back(
    receiver: Running, phone: Page, refusal: tuple[int, dict[str, str]]
) -> None:
    receiver.backend.answers["/initiate-charging/"] = refusal
    reference = _pay(phone, receiver)
    for _ in range(3):
        jobs_of(receiver)()
    phone.reload()
    expect(phone.locator("#status")).to_have_text("No charge")
    expect(phone.locator("#reason")).to_have_text(refusal[1]["error"])
    expect(phone.locator("#receipt")).to_contain_text("Given back50.00 ETB")
    phone.locator("#language").click()
    expect(phone.locator("#receipt")).to_contain_text("የተመለሰ50.00 ETB")
    expect(phone.locator("#reason")).to_be_visible()
    assert _outcome(receiver, reference) == ALL_BACK


def test_a_code_that_is_not_known_is_told_of_in_words(receiver: Running, phone: Page) -> None:
    for path in ("/pay/of-nobody/", "/pay/session/EV-of-nobody/"):
        answer = phone.goto(receiver.url + path)
        assert answer and answer.status == 404
        expect(phone.locator("#gone")).to_have_text("This code or payment is not known")
    assert requests.get(f"{receiver.url}/pay/of-nobody/", timeout=5).json()["success"] is False


def test_a_phone_without_a_line_says_so_and_goes_on_when_it_is_back(receiver: Running, phone: Page) -> None:
    phone.goto(f"{receiver.url}/pay/{receiver.people.token}/")
    phone.get_by_label("Amount (ETB)").fill("50")
    phone.get_by_label("Phone number").fill("0911223344")
    phone.context.set_offline(True)
    phone.get_by_role("button", name="Pay").click()
    expect(phone.get_by_role("alert")).to_have_text("No connection. Please try again.")
    phone.context.set_offline(False)
    phone.get_by_role("button", name="Pay").click()
    expect(phone.locator("#pays")).to_be_visible()
    phone.go_back()
    expect(phone.locator("#pay")).to_be_enabled()
