"""The Tariffs page and a session's bill for a given user and store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from dashboard_pages import OpenPage, opening_pages, text_of
from factories import add_owner, add_station, add_tariff, add_user
from sqlalchemy import Engine, select
from streamlit.testing.v1 import AppTest
from tariff_makers import IDLE, energy_at, give
from webhooks import STATION, progress, started, status, stopped, tell

from dashboard import formats
from dashboard.sessions.bill_lines import bill_lines
from dashboard.tariffs import orders
from dashboard.tariffs.form import SimpleTariff, example
from dashboard.visitor import NotForYou, Visitor
from db.analytics.scope import Scope
from db.engine import reading, writing
from db.models import AuditEntry, ChargingSession, StationOwner, Tariff, TariffAssignment, User
from ocpp_integration.pricing import parse, price
from settings import Settings, load

NIGHT = SimpleTariff("ETB", Decimal(10), Decimal(15), Decimal(6), time(22), time(6), Decimal(60), 15)
WITH_FEES = replace(NIGHT, session_fee=Decimal(20), time_fee=Decimal(3))


@pytest.fixture
def settings() -> Settings:
    return load(None)


@pytest.fixture
def open_page(world: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenPage]:
    with opening_pages(world, settings, monkeypatch) as opening:
        yield opening


@pytest.fixture
def world(engine: Engine) -> Engine:
    """An admin, and an owner's user selam whose station asks 10 ETB per kWh."""
    with writing(engine) as store:
        add_user(store, "admin")
        owner = add_owner(store)
        add_user(store, "selam", "owner", owner)
        add_station(store, owner, station_id=STATION, tariff=add_tariff(store))
    return engine


def _press(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click().run()
    assert not page.exception, page.exception
    return page


def _rows(engine: Engine, model: Any) -> list[Any]:
    with reading(engine) as store:
        return list(store.scalars(select(model).order_by(model.id)))


def test_the_simple_form_means_what_it_says() -> None:
    usage = example(datetime(2026, 3, 10, 18, tzinfo=UTC), Decimal(20), 120, 45, "Africa/Addis_Ababa")
    lines = bill_lines(price(WITH_FEES.document(), usage), "ETB")
    assert [(words.replace("\u00a0", " "), told.replace("\u00a0", " ")) for words, told in lines] == [
        ("Start fee", "20.00 ETB"),
        ("Energy 10.000 kWh × 10.00 ETB/kWh", "100.00 ETB"),
        ("Charging time 2 h 00 min × 3.00 ETB/h", "6.00 ETB"),
        ("Energy 10.000 kWh × 6.00 ETB/kWh", "60.00 ETB"),
        ("Idle time 30 min × 60.00 ETB/h", "30.00 ETB"),
        ("VAT contained in it", "28.17 ETB"),
    ]


def test_an_admin_makes_a_tariff_by_its_prices_assigns_it_and_sees_an_example(
    world: Engine, open_page: OpenPage
) -> None:
    page = open_page("admin", "tariffs")
    assert "No tariffs yet" in text_of(page)
    _press(page, "new-tariff")
    page.text_input(key="tariff-code").set_value("NIGHT")
    page.text_input(key="tariff-name").set_value("Night <b>")
    page.number_input(key="tariff-price").set_value(10.0)
    page.checkbox(key="tariff-other").check().run()
    page.number_input(key="tariff-other_price").set_value(6.0)
    page.checkbox(key="tariff-fees").check().run()
    _press(page, "tariff-confirm")
    assert "the fee per session is needed, or that per hour" in text_of(page).lower()
    page.number_input(key="tariff-session_fee").set_value(20.0)
    page.number_input(key="tariff-time_fee").set_value(3.0)
    page.checkbox(key="tariff-idle").check().run()
    page.number_input(key="tariff-idle_fee").set_value(60.0)
    _press(page, "tariff-confirm")
    page.run()
    made = [each for each in _rows(world, Tariff) if each.code]
    assert [parse(each.document) for each in made] == [WITH_FEES.document()]
    assert "Energy 6.00 ETB per kWh with 15 % VAT, from 22:00 to 06:00" in text_of(page)

    _press(page, "assign-NIGHT")
    page.selectbox(key="tariff-place").select_index(1)
    _press(page, "tariff-confirm")
    page.run()
    (assignment,) = _rows(world, TariffAssignment)
    assert assignment.charging_station_id is not None
    assert "Total 238.00 ETB" in text_of(page)
    _press(_press(page, f"end-{assignment.id}"), "tariff-confirm")
    assert _rows(world, TariffAssignment)[0].valid_until is not None
    told = [(row.user_name, row.action) for row in _rows(world, AuditEntry) if row.user_name]
    assert told == [("admin", "add tariff"), ("admin", "assign tariff"), ("admin", "end tariff")]


def test_a_tariff_holds_at_the_station_that_was_chosen_among_several_of_one_name(
    world: Engine, open_page: OpenPage
) -> None:
    give(world, "NIGHT", energy_at("6"), to="owner")
    with writing(world) as store:
        owner = store.scalars(select(StationOwner)).one()
        twin = add_station(store, owner, station_id="TWIN").charging_station_id
    page = _press(open_page("admin", "tariffs"), "assign-NIGHT")
    page.selectbox(key="tariff-place").set_value("Bole Road (TWIN)")
    with writing(world) as store:
        # What comes meanwhile is before it in the list.
        add_station(store, store.scalars(select(StationOwner)).one(), "Abuna", station_id="NEW")
    _press(page, "tariff-confirm")
    assert _rows(world, TariffAssignment)[-1].charging_station_id == twin


def test_a_document_that_cannot_be_priced_names_its_field(world: Engine, open_page: OpenPage) -> None:
    page = _press(open_page("admin", "tariffs"), "new-tariff")
    page.text_input(key="tariff-code").set_value("X")
    page.segmented_control(key="tariff-how").set_value("As an OCPI document").run()
    page.text_area(key="tariff-json").set_value('{"currency": "ETB", "elements": []}')
    _press(page, "tariff-confirm")
    assert "- **elements**: at least 1 is needed in the list" in text_of(page)
    assert [each for each in _rows(world, Tariff) if each.code] == []


def test_the_page_does_not_exist_for_an_owner_nor_does_what_it_can_do(
    world: Engine, open_page: OpenPage
) -> None:
    page = open_page("selam")
    with pytest.raises(ValueError, match="navigation page"):
        page.switch_page("views/tariffs.py")
    with reading(world) as store:
        selam = store.scalars(select(User).where(User.user_name == "selam")).one()
        owner = store.scalars(select(StationOwner)).one()
    who = Visitor(selam, Scope.owner(owner.id))
    for order in (orders.tariffs, orders.assignments, orders.places):
        with pytest.raises(NotForYou):
            order(who)
    with pytest.raises(NotForYou):
        orders.add(who, NIGHT.document(), code="N", name="")
    with pytest.raises(NotForYou):
        orders.end(who, 1)


def test_a_sessions_drawer_shows_the_lines_of_its_bill_and_what_the_backend_said(
    world: Engine, open_page: OpenPage
) -> None:
    give(world, "idle", IDLE)
    tell(world, started(0, meter_start=0), progress(1200, 10), status(1200, "SuspendedEV"))
    tell(world, stopped(2400, meter_stop=10_000, final_cost="7"))
    (session,) = _rows(world, ChargingSession)
    told = text_of(open_page("selam", "sessions", session=str(session.id)))
    for expected in (
        "Energy 10.000 kWh × 10.00 ETB/kWh 100.00 ETB",
        "Idle time 20 min × 60.00 ETB/h 20.00 ETB",
        "VAT contained in it 15.65 ETB",
        f"Total {formats.exact_money(Decimal(120), 'ETB')}".replace("\u00a0", " "),
        "Cost by the backend 7.00 ETB",
    ):
        assert expected in told
