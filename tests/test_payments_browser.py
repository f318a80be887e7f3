"""A phone in a real browser, from the code to the receipt, against the sandbox provider."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from browser import console_errors, open_phone
from playwright.sync_api import Browser, Page, expect
from ports import free_port
from receiver_app import Running, make_settings, running_receiver
from sqlalchemy import Engine

from db.engine import writing
from db.models import utc_now
from jobs import work
from languages import gettext, speaking
from ocpp_integration import events
from ocpp_integration.backend import BackendClient
from ocpp_integration.lifecycle import apply_event
from ocpp_integration.payments.sandbox import Sandbox, send_callbacks
from ocpp_integration.services import OCPPIntegrationService

STARTED = 70_001
# What the browser itself says of the one refusal on the way.
_REFUSED = "Failed to load resource: the server responded with a status of 400 (BAD REQUEST)"


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    page = open_phone(browser)
    yield page
    page.context.close()


def tell(
    receiver: Running, kind: str, data: dict[str, Any], minutes_ago: int = 0, transaction_id: int = STARTED
) -> None:
    now = utc_now()
    body = {
        "type": kind,
        "station_id": receiver.people.station_id,
        "transaction_id": transaction_id,
        "timestamp": (now - timedelta(minutes=minutes_ago)).isoformat(),
        "data": data,
    }
    with writing(receiver.engine) as store:
        apply_event(store, events.parse(json.dumps(body).encode()), now)


def jobs_of(receiver: Running) -> Callable[..., None]:
    """One run of the jobs of payments; the callback goes over HTTP, as everywhere."""
    settings = make_settings(receiver.engine, public_url=receiver.url)
    backend = BackendClient(settings, http=receiver.backend)
    service = OCPPIntegrationService(settings=settings, engine=receiver.engine, backend=backend)
    provider = Sandbox(receiver.engine, receiver.url)

    def run(later: timedelta = timedelta(0)) -> None:
        send_callbacks(receiver.engine, receiver.url, "whsec_test")
        work.ask_provider(receiver.engine, provider, lambda: utc_now() + later)
        work.follow_prepaid(receiver.engine, service, lambda: utc_now() + later)

    return run


def _fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_a_driver_scans_pays_charges_stops_and_has_a_receipt(phone: Page, engine: Engine) -> None:
    port = free_port()
    with running_receiver(engine, public_url=f"http://127.0.0.1:{port}", port=port) as receiver:
        _charge(phone, receiver)


def _charge(phone: Page, receiver: Running) -> None:
    receiver.backend.answers = {
        "/initiate-charging/": (200, {"transaction": {"transaction_id": STARTED, "status": "Started"}}),
        "/stop-charging/": (200, {"status": "Stopping"}),
    }
    run = jobs_of(receiver)
    troubles = console_errors(phone.context)

    phone.goto(f"{receiver.url}/pay/{receiver.people.token}/")
    expect(phone.locator("h1")).to_have_text("Bole Road")
    expect(phone.get_by_text("Energy 10.00 ETB per kWh with 15 % VAT")).to_be_visible()
    phone.locator("#language").click()
    expect(phone.locator("html")).to_have_attribute("lang", "am")
    with speaking("am"):
        expect(phone.locator("#state")).to_have_text(gettext("Ready to use"))
    assert _fits(phone)
    phone.locator("#language").click()
    phone.get_by_label("Amount (ETB)").fill("200")
    phone.get_by_label("Phone number").fill("12")
    phone.get_by_role("button", name="Pay").click()
    expect(phone.locator("#trouble")).to_have_text("Phone number: Such as 0911223344")
    phone.get_by_label("Phone number").fill("0911 223 344")
    phone.get_by_role("button", name="Pay").click()

    phone.get_by_role("button", name="Pay · ክፈል").click()
    expect(phone.locator("#status")).to_have_text("Waiting for the payment")
    run()
    run()
    expect(phone.locator("#status")).to_have_text("Starting")
    tell(receiver, "session_started", {"meter_start": 0, "connector_id": 2}, minutes_ago=20)
    tell(receiver, "session_progress", {"energy_consumed_kwh": 12.5, "current_power_kw": 40})
    expect(phone.locator("#energy")).to_have_text("12.500 kWh")
    assert _fits(phone)

    with phone.expect_response("**/stop-charging/") as stopping:
        phone.get_by_role("button", name="Stop charging").click()
    assert stopping.value.ok
    expect(phone.locator("#stop")).to_have_text("Stopping…")
    tell(receiver, "session_stopped", {"meter_stop": 12_600, "stop_reason": "Remote", "final_cost": None})
    # Once no report of the session can be missing any more.
    for _ in range(2):
        run(timedelta(seconds=20))
    receipt = phone.locator("#receipt")
    expect(receipt).to_contain_text("126.00 ETB")
    expect(receipt).to_contain_text("Given back74.00 ETB")
    with phone.expect_download() as downloading:
        receipt.get_by_role("link", name="Receipt as a PDF file").click()
    assert downloading.value.suggested_filename.endswith("-000001.pdf")
    phone.locator("#language").click()
    expect(phone.locator("#receipt-file")).to_have_text("ደረሰኝ በPDF")
    refused = f"{_REFUSED} ({receiver.url}/api/payments/qr-initiate/{receiver.people.token}/)"
    assert (_fits(phone), troubles) == (True, [refused])
