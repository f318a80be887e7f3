"""The pages Statements and Billing audit for a given user and store, and the receipt of a session."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO

import pytest
from dashboard_pages import OpenPage, opening_pages, text_of
from factories import add_owner, add_session, add_station, add_tariff, add_user
from pypdf import PdfReader
from sqlalchemy import Engine, select

from dashboard.statements import orders
from dashboard.statements.rows import months_to_issue
from dashboard.visitor import Visitor
from db.analytics.scope import Scope
from db.engine import reading, writing
from db.models import AuditEntry, ChargingSession, Statement, User, utc_now
from ocpp_integration.billing import audit
from ocpp_integration.errors import IntegrationError, NotFound
from settings import load

LAST = months_to_issue(utc_now().date())[0]
IN_IT = datetime(LAST.year, LAST.month, 10, 12, tzinfo=UTC)


@pytest.fixture
def world(engine: Engine) -> Engine:
    """An admin, and two owners with a station and a session each, of which one was not billed."""
    with writing(engine) as store:
        add_user(store, "admin")
        tariff = add_tariff(store)
        for user_name, owner_name, cost in (("selam", "Rift Energy", "125.00"), ("other", "Elsewhere", "0")):
            owner = add_owner(store, owner_name)
            add_user(store, user_name, "owner", owner)
            station = add_station(store, owner, f"{owner_name} 1", tariff=tariff)
            add_session(store, station, IN_IT, cost=Decimal(cost))
    return engine


@pytest.fixture
def open_page(world: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenPage]:
    with opening_pages(world, load(None), monkeypatch) as opening:
        yield opening


def _who(engine: Engine, user_name: str) -> Visitor:
    with reading(engine) as store:
        user = store.scalars(select(User).where(User.user_name == user_name)).one()
        return Visitor(user, Scope.of(user))


def test_an_admin_issues_a_month_once_however_often_it_clicks(world: Engine, open_page: OpenPage) -> None:
    page = open_page("admin", "statements")
    assert "No statements yet" in text_of(page)
    page.button(key="issue").click().run()
    page.button(key="statement-confirm").click().run()
    said = text_of(page)
    assert f"{LAST:%B %Y} Rift Energy · 1 session" in said and "125.00 ETB" in said and "Elsewhere" in said
    page.button(key="issue").click().run()
    page.button(key="statement-confirm").click().run()
    with reading(world) as store:
        assert len(store.scalars(select(Statement)).all()) == 2
        issued = store.scalars(select(AuditEntry.user_name).where(AuditEntry.action == "issue statement"))
        assert issued.all() == ["admin", "admin"]


def test_an_owner_sees_and_has_its_own_statements_only(world: Engine, open_page: OpenPage) -> None:
    issued = {each.owner_name: each for each in orders.issue(_who(world, "admin"), LAST)}
    page = open_page("selam", "statements")
    said = text_of(page)
    assert "125.00 ETB" in said and "Elsewhere" not in said
    assert not [button for button in page.button if button.key == "issue"]
    page.button(key=f"open-{issued['Rift Energy'].id}").click().run()
    assert "Platform fee 0.00 ETB" in text_of(page)
    assert page.dataframe[0].value["Gross"].tolist() == [125.0]
    selam = _who(world, "selam")
    made = orders.statement_file(selam, issued["Rift Energy"].id)
    assert "125.00 ETB" in PdfReader(BytesIO(made)).pages[0].extract_text()
    with pytest.raises(NotFound):
        orders.statement_file(selam, issued["Elsewhere"].id)
    with pytest.raises(IntegrationError, match="admins"):
        orders.issue(selam, LAST)


@pytest.mark.usefixtures("open_page")
def test_a_receipt_is_of_ones_own_session(world: Engine) -> None:
    with reading(world) as store:
        mine, foreign = store.scalars(select(ChargingSession.id).order_by(ChargingSession.id)).all()
    selam = _who(world, "selam")
    assert "Receipt" in PdfReader(BytesIO(orders.receipt_file(selam, mine))).pages[0].extract_text()
    with pytest.raises(NotFound):
        orders.receipt_file(selam, foreign)


def test_an_admin_sees_what_the_audit_found_and_what_it_closed(world: Engine, open_page: OpenPage) -> None:
    assert "Everything adds up" in text_of(open_page("admin", "billing_audit"))
    audit.run(world, now=utc_now(), since=None)
    page = open_page("admin", "billing_audit")
    said = text_of(page)
    assert "Energy without a bill 12.500 kWh were charged and not billed" in said and "125.00 ETB" in said
    assert b"not billed" in orders.findings_file(_who(world, "admin"), "csv")
    with pytest.raises(IntegrationError, match="admins"):
        orders.findings_file(_who(world, "selam"), "csv")
    page.segmented_control(key="state").set_value("closed").run()
    assert "Nothing was closed" in text_of(page)


def test_months_that_are_over_are_offered_the_newest_first() -> None:
    assert months_to_issue(date(2026, 2, 28), 3) == [date(2026, 1, 1), date(2025, 12, 1), date(2025, 11, 1)]
