"""What a phone without a login may do at a code, and that it learns nothing of anybody else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import factories
import pytest
from pypdf import PdfReader
from receiver_app import START, Running, running_receiver
from sqlalchemy import Engine, select

from db.engine import reading, writing
from db.models import ChargingSession, Payment, Receipt
from ocpp_integration.payments import sandbox
from ocpp_integration.payments.movements import settle
from ocpp_integration.payments.signature import HEADER, HEADERS, sign
from webhook_receiver.payment_objects import connector_info

WISH = {"amount": "50", "phone_number": "0911223344"}


@pytest.fixture
def receiver(engine: Engine) -> Iterator[Running]:
    with running_receiver(engine) as running:
        running.backend.answers["/stop-charging/"] = (200, {"status": "Stopping"})
        yield running


def _initiate(receiver: Running, wish: dict[str, Any] | None = None, token: str = "") -> Any:
    path = f"/api/payments/qr-initiate/{token or receiver.people.token}/"
    return receiver.ask(None, "POST", path, json=wish or WISH)


def _payment(receiver: Running, reference: str) -> Payment:
    with reading(receiver.engine) as store:
        return store.scalars(select(Payment).where(Payment.reference == reference)).one()


def _call_back(receiver: Running, body: bytes, signature: str, header: str = HEADER) -> int:
    headers = {"content-type": "application/json", header: signature}
    return receiver.post_raw(body, headers, "/api/payments/callback/").status_code


def test_a_code_tells_of_its_connector_and_its_price_in_words(receiver: Running) -> None:
    told = receiver.ask(None, "GET", f"/api/payments/qr-info/{receiver.people.token}/").json()
    info = told["connector_info"]
    assert (info["station_name"], info["connector_number"], info["is_available"]) == ("Bole Road", 2, True)
    assert (info["connector_type"], info["connector_type_told"]["am"]) == ("ccs2", "CCS 2")
    assert info["price_in_words"] == ["Energy 10.00 ETB per kWh with 15 % VAT"]
    assert set(info["price_told"]) == set(info["reason_told"]) == {"en", "am"}
    assert info["price_told"]["en"] == info["price_in_words"]
    assert "10.00 ETB" in info["price_told"]["am"][0]
    assert "Energy" not in info["price_told"]["am"][0]


def test_a_payment_is_made_at_the_provider_and_followed_by_its_own_token(receiver: Running) -> None:
    begun = _initiate(receiver, WISH | {"payment_type": "kwh", "kwh_requested": 12.5}).json()
    reference = begun["payment_data"]["tx_ref"]
    assert begun["payment_data"]["checkout_url"].endswith(f"/sandbox/checkout/{reference}/")
    session = receiver.ask(None, "GET", f"/api/payments/qr-sessions/{reference}/").json()["qr_session"]
    assert (session["status"], session["amount"], session["energy_kwh"]) == ("pending", "125.00", None)


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"phone_number": "0911223344"}, "amount"),
        (WISH | {"amount": "0"}, "amount"),
        (WISH | {"amount": "9.99"}, "amount"),
        (WISH | {"amount": "NaN"}, "amount"),
        (WISH | {"amount": -5}, "amount"),
        (WISH | {"amount": 50.001}, "amount"),
        (WISH | {"amount": "20000.01"}, "amount"),
        (WISH | {"payment_type": "kwh"}, "kwh_requested"),
        (WISH | {"phone_number": "0811223344"}, "phone_number"),
        (WISH | {"currency": "USD"}, "currency"),
    ],
)
def test_a_wish_that_cannot_be_sold_names_its_field(
    receiver: Running, wish: dict[str, Any], field: str
) -> None:
    answer = _initiate(receiver, wish)
    assert (answer.status_code, list(answer.json())) == (400, [field])


def test_the_driver_stops_its_charge_and_a_second_touch_sends_nothing(receiver: Running) -> None:
    path = f"/api/payments/qr-sessions/{receiver.people.session_token}/stop-charging/"
    answers = [receiver.ask(None, "POST", path) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["qr_session"]["charging_status"] == "stopping"
    assert [sent for sent, _ in receiver.backend.asked] == ["/api/locator/stop-charging/"]


def test_a_charge_is_shown_without_anybodys_name_phone_or_numbers(receiver: Running) -> None:
    token, people = receiver.people.session_token, receiver.people
    told = receiver.ask(None, "GET", f"/api/payments/qr-sessions/{token}/").text
    secret = ("+251", "driver", people.station_id, str(people.transaction_id), people.token, "Addis Charge")
    assert [word for word in secret if word in told] == []


def _bill(receiver: Running, *, has_ended: bool = True) -> None:
    """The driver's charge has ended, and its payment is billed or, where nothing came of it, given back."""
    with writing(receiver.engine) as store:
        payment = store.scalars(select(Payment)).one()
        number = receiver.people.transaction_id
        session = store.scalars(select(ChargingSession).where(ChargingSession.transaction_id == number)).one()
        if has_ended:
            session.status, session.stop_time = "completed", START + timedelta(minutes=30)
        else:
            payment.transaction_id = None
        settle(store, payment, Decimal("125.00") if has_ended else Decimal(0), START)


def test_the_receipt_of_a_charge_is_had_by_the_token_of_its_payment_once_it_is_billed(
    receiver: Running,
) -> None:
    path = f"/api/payments/qr-sessions/{receiver.people.session_token}/"
    assert receiver.ask(None, "GET", path).json()["qr_session"]["receipt_url"] is None
    assert [receiver.ask(who, "GET", f"{path}receipt.pdf").status_code for who in (None, "admin")] == [
        404
    ] * 2
    _bill(receiver)
    address = receiver.ask(None, "GET", path).json()["qr_session"]["receipt_url"]
    answers = [receiver.ask(None, "GET", address) for _ in range(2)]
    with reading(receiver.engine) as store:
        receipt = store.scalars(select(Receipt)).one()
    for answer in answers:
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/pdf")
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{receipt.name}.pdf"'
    printed = PdfReader(BytesIO(answers[0].content)).pages[0].extract_text()
    told = (receipt.name, "125.00", "911223344", "Driver", receiver.people.token)
    assert [word in printed for word in told] == [True, True, False, False, False]


def test_a_payment_that_was_given_back_has_no_receipt(receiver: Running) -> None:
    _bill(receiver, has_ended=False)
    path = f"/api/payments/qr-sessions/{receiver.people.session_token}/"
    assert receiver.ask(None, "GET", path).json()["qr_session"]["receipt_url"] is None
    assert receiver.ask(None, "GET", f"{path}receipt.pdf").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/api/payments/qr-info/{}/",
        "/api/payments/qr-sessions/{}/",
        "/api/payments/qr-sessions/{}/receipt.pdf",
        "/pay/{}/",
        "/pay/session/{}/",
        "/sandbox/checkout/{}/",
    ],
)
def test_a_token_that_nobody_was_given_leads_nowhere(receiver: Running, path: str) -> None:
    for token in ("x", "EV-1", "a" * 50, "1%20OR%201", "%00"):
        assert receiver.ask(None, "GET", path.format(token)).status_code == 404


@pytest.mark.parametrize("kind", ["none", "of another body", "the constant of Chapa-Signature"])
def test_a_forged_callback_is_refused_and_asks_nobody(receiver: Running, kind: str) -> None:
    reference = _initiate(receiver).json()["payment_data"]["tx_ref"]
    due = _payment(receiver, reference).due_at
    body = json.dumps({"tx_ref": reference, "status": "success"}).encode()
    forged = {"none": "", "of another body": sign("whsec_test", body + b" ")}.get(
        kind, sign("whsec_test", b"whsec_test")
    )
    for header in HEADERS:
        assert _call_back(receiver, body, forged, header) == 401
    assert _payment(receiver, reference).due_at == due


@pytest.mark.parametrize("body", [b"{}", b"not JSON", b"\xff", b"[" * 10_000, b""])
def test_a_callback_that_is_not_signed_is_not_read(receiver: Running, body: bytes) -> None:
    assert _call_back(receiver, body, "") == 401
    assert _call_back(receiver, body, sign("whsec_test", body)) == 400


def test_a_signed_callback_has_the_provider_be_asked_at_once_and_says_nothing(receiver: Running) -> None:
    reference = _initiate(receiver).json()["payment_data"]["tx_ref"]
    for known in (reference, reference, "EV-of-nobody"):
        body = json.dumps({"tx_ref": known}).encode()
        for header in HEADERS:
            assert _call_back(receiver, body, sign("whsec_test", body), header) == 200
    due = _payment(receiver, reference).due_at
    assert due is not None and due <= datetime.now(UTC)


def test_the_sandbox_signs_its_callbacks_and_sends_them_until_they_are_taken(receiver: Running) -> None:
    reference = _initiate(receiver).json()["payment_data"]["tx_ref"]
    path = f"/sandbox/checkout/{reference}/"
    for pays in (True, False):
        decided = receiver.ask(None, "POST", path, json={"pays": pays}).json()
        assert decided["return_url"].endswith(f"/pay/session/{reference}/")
    assert sandbox.send_callbacks(receiver.engine, receiver.url, "whsec_test") == 1
    assert sandbox.send_callbacks(receiver.engine, receiver.url, "whsec_test") == 0
    found = sandbox.find(receiver.engine, reference)
    assert found is not None and found.status == "success"


def test_pages_for_phones_run_their_own_script_only(receiver: Running) -> None:
    page = receiver.ask(None, "GET", f"/pay/{receiver.people.token}/")
    policy = page.headers["Content-Security-Policy"]
    assert ("'unsafe" in policy, "connect-src 'self'" in policy, "http" in page.text) == (False, True, False)


def test_whoever_pays_too_often_from_one_place_is_told_to_wait(engine: Engine) -> None:
    with running_receiver(engine, payments_per_minute=2) as receiver:
        statuses = [_initiate(receiver).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        assert receiver.ask(None, "GET", f"/pay/{receiver.people.token}/").status_code == 200


def test_without_a_provider_there_is_none_of_it(engine: Engine) -> None:
    with running_receiver(engine, payment_provider="none") as receiver:
        _bill(receiver)
        assert _initiate(receiver).status_code == 404
        receipt = f"/api/payments/qr-sessions/{receiver.people.session_token}/receipt.pdf"
        for path in (f"/pay/{receiver.people.token}/", receipt):
            assert receiver.ask(None, "GET", path).status_code == 404
        station = receiver.people.station_id
        assert receiver.ask("admin", "GET", f"/api/payments/qr-codes/{station}/sheet.pdf").status_code == 404


def test_an_owner_prints_the_codes_of_its_station_and_revokes_them(receiver: Running) -> None:
    root = f"/api/payments/qr-codes/{receiver.people.station_id}"
    assert receiver.ask("owner", "GET", f"{root}/sheet.pdf").content[:5] == b"%PDF-"
    assert receiver.ask("owner", "GET", f"{root}/2.png").content[1:4] == b"PNG"
    assert receiver.ask("owner", "POST", f"{root}/2/revoke/").status_code == 200
    assert _initiate(receiver).status_code == 404


@pytest.mark.parametrize(
    ("address", "city", "told"),
    [
        ("Bole Road, Addis Ababa", "Addis Ababa", "Bole Road, Addis Ababa"),
        ("Adama Gate 4", "Ada", "Adama Gate 4, Ada"),
        ("ቦሌ መንገድ", "አዲስ አበባ", "ቦሌ መንገድ, አዲስ አበባ"),
        ("", "Adama", "Adama"),
        ("Gate 4", "", "Gate 4"),
    ],
)
def test_a_driver_reads_the_city_once(engine: Engine, address: str, city: str, told: str) -> None:
    with writing(engine) as store:
        station = factories.add_station(store, factories.add_owner(store))
        station.charging_station.address, station.charging_station.city = address, city
        store.flush()
        assert connector_info(store, station.connectors[0], START)["station_address"] == told
