"""The page Payments in a real browser: an admin records a refund once, and the owner sees it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import factories
import pytest
from browser import fill_in_sign_in
from dashboard_server import serving
from playwright.sync_api import Browser, expect
from sqlalchemy import Engine, func, select

from db.engine import reading, writing
from db.models import AuditEntry, Payment, utc_now
from ocpp_integration.payments.movements import move, settle


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """A payment of 100 ETB of which the provider did not give back 35."""
    engine, begun = factories.make_store(tmp_path_factory.mktemp("payments")), utc_now() - timedelta(hours=1)
    with writing(engine) as store:
        factories.add_user(store, "admin")
        owner = factories.add_owner(store)
        factories.add_user(store, "selam", "owner", owner)
        station = factories.add_station(store, owner)
        payment = Payment(
            reference="EV-hand",
            connector=station.connectors[0],
            provider="sandbox",
            phone="+251911223344",
            currency="ETB",
            amount=Decimal(100),
            expires_at=begun,
            created_at=begun,
            paid_at=begun,
        )
        store.add(payment)
        store.flush()
        move(store, payment, "paid", Decimal(100), begun)
        settle(store, payment, Decimal(65), begun)
        payment.refund_state, payment.error = "by_hand", "The provider said no."
    return engine


@pytest.fixture(scope="module")
def url(engine: Engine) -> Iterator[str]:
    with serving(engine) as url:
        yield url


def test_an_admin_records_a_refund_by_two_clicks_once_and_the_owner_sees_it(
    engine: Engine, url: str, browser: Browser
) -> None:
    page = fill_in_sign_in(browser.new_context(), url, "/payments", "admin")
    card = page.locator(".st-key-card-payments")
    expect(card).to_contain_text("Refund by hand")
    opening = card.get_by_role("button", name="Open EV-hand")
    # The eye sees in the row which one it is.
    box = opening.locator("em").bounding_box()
    assert box and box["width"] <= 1
    opening.press("Enter")
    page.get_by_role("button", name="Record a refund").click()
    page.get_by_role("textbox", name="How it was given back").fill("Telebirr 8F2K")
    page.get_by_role("dialog").get_by_role("button", name="Record a refund").dblclick()
    expect(card).to_contain_text("35.00 ETB given back")
    expect(card).to_contain_text("Settled")
    expect(opening).to_be_focused()
    with reading(engine) as store:
        row = store.scalars(select(Payment)).one()
        recorded = store.scalar(select(func.count()).where(AuditEntry.action == "record refund"))
    assert (row.refund_state, row.refunded, row.held, recorded) == ("done", 35, 0, 1)

    phone = browser.new_context(viewport={"width": 390, "height": 844})
    page = fill_in_sign_in(phone, url, "/payments", "selam")
    expect(page.locator(".st-key-card-payments")).to_contain_text("35.00 ETB given back")
    page.locator(".st-key-card-payments").get_by_role("button", name="Open").click()
    expect(page.get_by_role("dialog")).to_contain_text("Given back 35.00 ETB")
    expect(page.get_by_role("button", name="Record a refund")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
