"""What the pages say and do for a given user and store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dashboard_pages import OpenPage, opening_pages, text_of
from factories import (
    add_meter_values,
    add_owner,
    add_session,
    add_station,
    add_status,
    add_tariff,
    add_user,
    make_store,
    roll_up,
)
from sqlalchemy import Engine
from streamlit.testing.v1 import AppTest

from dashboard import visitor
from dashboard.commands import orders
from dashboard.formats import local_time
from db.analytics.definitions import GROUPS, KPIS
from db.engine import writing
from db.models import BackendState, OCPPStation
from settings import Settings, load

NOW = datetime.now(UTC).replace(microsecond=0)
ADDIS = ZoneInfo("Africa/Addis_Ababa")
TODAY = NOW.astimezone(ADDIS).date()


@dataclass
class World:
    """A store with two owners: Addis has Bole Road and 2 sessions a day for 20 days, Rift has one station."""

    engine: Engine
    open_page: Callable[..., AppTest]
    bole: OCPPStation
    rift: OCPPStation


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(None, database_url=f"sqlite:///{tmp_path / 'store.db'}", ocpp_backend_port=1, ocpp_timeout=1)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return make_store(tmp_path)


@pytest.fixture
def open_page(engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenPage]:
    with opening_pages(engine, settings, monkeypatch) as opening:
        yield opening


@pytest.fixture
def world(engine: Engine, open_page: Callable[..., AppTest]) -> World:
    with writing(engine) as store:
        addis, rift_owner = add_owner(store, "Addis Charge"), add_owner(store, "Rift Energy")
        add_user(store, "admin")
        add_user(store, "selam", "owner", addis)
        add_user(store, "dawit", "owner", rift_owner)
        tariff = add_tariff(store)
        bole = add_station(store, addis, "Bole Road", tariff=tariff)
        rift = add_station(store, rift_owner, "Adama <b>Gate</b>", tariff=tariff)
        for day in range(1, 21):
            noon = datetime.combine(TODAY - timedelta(days=day), time(12), ADDIS)
            last = add_session(store, bole, noon, energy_wh=10_000, cost=Decimal("100.00"))
            add_session(
                store,
                bole,
                noon,
                connector=2,
                energy_wh=0,
                cost=Decimal(0),
                status="failed",
                stop_reason="PowerLoss",
            )
        add_meter_values(store, last, [(last.start_time, 0, 20_000), (last.stop_time or NOW, 10_000, 18_000)])
        add_session(store, rift, NOW - timedelta(days=2), energy_wh=1_234_567, cost=Decimal("12345.67"))
        add_status(store, bole.connectors[0], "available", NOW - timedelta(days=20), NOW - timedelta(days=5))
        add_status(store, bole.connectors[0], "faulted", NOW - timedelta(days=5))
        roll_up(store, (NOW - timedelta(days=40)).date(), (NOW + timedelta(days=1)).date())
    return World(engine, open_page, bole, rift)


def test_nobody_sees_anything_without_a_session(world: World) -> None:
    assert text_of(world.open_page(None)) == ""


def test_a_page_that_comes_back_when_somebody_else_has_signed_in_shows_nothing_more(world: World) -> None:
    page = world.open_page("selam")
    page.session_state["stations"] = [world.bole.id]
    world.open_page("dawit")
    assert text_of(page.run()) == "" and not page.exception


def test_the_cards_of_an_owner_show_the_sums_of_its_sessions(world: World) -> None:
    said = text_of(world.open_page("selam"))
    assert "Energy 200.0 kWh" in said and "2,000.00 ETB" in said and "50.0 %" in said


def test_an_owner_sees_nothing_of_another_owners_stations(world: World) -> None:
    assert "Adama" not in text_of(world.open_page("selam"))


def test_an_admin_sees_the_whole_network(world: World) -> None:
    said = text_of(world.open_page("admin"))
    assert "1.4 MWh" in said and "Bole Road" in said


def test_a_stations_name_is_shown_as_it_was_written(world: World) -> None:
    assert "Adama <b>Gate</b>" in text_of(world.open_page("dawit"))


def test_the_period_comes_from_the_address(world: World) -> None:
    assert "60.0 kWh" in text_of(world.open_page("selam", period="7d"))


def test_a_change_is_not_available_where_history_does_not_cover_the_period_before(world: World) -> None:
    assert "n/a history begins" in text_of(world.open_page("selam", period="30d"))


def test_a_change_compares_with_the_period_before(world: World) -> None:
    assert "vs previous 7 days" in text_of(world.open_page("selam", period="7d"))


def test_an_explanation_tells_the_figure_of_both_periods_the_formula_and_whose_it_is(world: World) -> None:
    said = text_of(world.open_page("selam", period="7d", how="energy"))
    assert "This period 60.0 kWh" in said and "The period before 70.0 kWh" in said
    assert KPIS["energy"].formula in said and f"Definition {KPIS['energy'].source}" in said
    assert "Stations Bole Road" in said and "by each station's clock" in said


def test_a_card_opens_its_explanation_with_the_rows_behind_it(world: World) -> None:
    page = world.open_page("selam", period="7d")
    page.button(key="explain-error_rate").click().run()
    page.button_group(key="rows-error_rate").set_value("This period").run()
    assert page.dataframe[0].value["Failed"].value_counts().to_dict() == {"no": 6, "yes": 6}
    assert "Rows 1 to 12 of 12" in text_of(page)
    assert "FILTER (WHERE is_failed)" in page.code[0].value


@pytest.mark.parametrize(("group", "says"), [("Charging", "12,346 ETB"), ("Reliability", "Error rate")])
def test_every_kpi_of_a_group_is_on_the_page_of_kpis(world: World, group: str, says: str) -> None:
    said = text_of(world.open_page("dawit", "kpis", group=group))
    assert says in said and all(kpi.name in said for kpi in GROUPS[group])


def test_an_explanation_of_nothing_known_is_none(world: World) -> None:
    assert "Definition" not in text_of(world.open_page("selam", how="'"))


def test_a_new_network_says_that_it_has_no_data_and_what_to_do(engine: Engine, open_page: Any) -> None:
    with writing(engine) as store:
        add_user(store, "admin")
    said = text_of(open_page("admin"))
    assert "– no data" in said and "import-sessions" in said and "0.0 kWh" not in said


def test_the_sums_above_the_sessions_are_those_of_all_pages(world: World) -> None:
    assert "21 sessions 20 without energy 1,434.567 kWh delivered 14,345.67 ETB revenue" in text_of(
        world.open_page("admin", "sessions", period="30d")
    )


def test_sessions_can_be_filtered_by_status(world: World) -> None:
    page = world.open_page("selam", "sessions")
    page.multiselect(key="status").set_value(["failed"]).run()
    assert "0 sessions 20 without energy 0.000 kWh delivered" in text_of(page)


def test_sessions_of_others_cannot_be_searched_for(world: World) -> None:
    page = world.open_page("selam", "sessions")
    page.text_input(key="search").set_value("Adama").run()
    assert "No sessions match" in text_of(page)


def test_the_live_page_shows_every_connector_in_scope_with_its_state(world: World) -> None:
    said = text_of(world.open_page("selam", "live"))
    assert said.count("Bole Road") == 2 and "Available" in said and "Adama" not in said


def test_the_live_page_can_be_narrowed_to_a_state(world: World) -> None:
    page = world.open_page("selam", "live")
    page.button_group(key="state").set_value(["faulted"]).run()
    assert "No connector matches" in text_of(page)


def test_a_running_session_shows_its_figures_and_can_be_stopped(world: World) -> None:
    with writing(world.engine) as store:
        bole = store.get_one(OCPPStation, world.bole.id)
        bole.connectors[0].status = "charging"
        add_session(
            store,
            bole,
            NOW - timedelta(minutes=12),
            minutes=None,
            status="charging",
            energy_wh=5_250,
            power_w=40_000,
        )
    page = world.open_page("selam", "live")
    assert "40.0 kW power 5.25 kWh energy 125.00 ETB cost" in text_of(page)
    assert page.button(key=f"stop-{world.bole.connectors[0].id}").label == "Stop *Bole Road · connector 1*"


def test_a_start_that_cannot_reach_the_backend_says_so(world: World) -> None:
    page = world.open_page("selam", "live")
    page.button(key=f"start-{world.bole.connectors[0].id}").click().run()
    page.button(key="order-confirm").click().run()
    said = text_of(page)
    assert "Sent to the OCPP backend" in said and "cannot be reached" in said


def test_an_owner_cannot_order_at_another_owners_connector(world: World) -> None:
    world.open_page("selam")
    order = orders.Order("start", world.rift.connectors[0].id, None, "key")
    assert "not at one of your stations" in orders.submit(order, visitor.visitor()).error


@pytest.mark.parametrize("page", ["", "sessions", "live"])
def test_while_the_backend_is_down_every_page_says_since_when(world: World, page: str) -> None:
    with writing(world.engine) as store:
        store.add(BackendState(id=1, down_since=NOW - timedelta(minutes=12), last_error="cut"))
    said = text_of(world.open_page("selam", page))
    assert f"has not answered since {local_time(NOW - timedelta(minutes=12), 'Africa/Addis_Ababa')}" in said
    assert "min ago" in said


@pytest.mark.parametrize("is_down", [False, True])
def test_while_the_backend_is_down_nothing_is_live_and_no_button_can_be_pressed(
    world: World, is_down: bool
) -> None:
    since = NOW - timedelta(minutes=12) if is_down else None
    with writing(world.engine) as store:
        store.add(BackendState(id=1, down_since=since, last_error="cut"))
    page = world.open_page("selam", "live")
    buttons = [button for button in page.button if str(button.key).startswith(("start-", "stop-"))]
    assert buttons and {button.disabled for button in buttons} == {is_down}
    assert {"does not answer" in button.help for button in buttons} == {is_down}
    assert ("stale for" in text_of(page)) == is_down


@pytest.mark.parametrize("known", [{}, {"last_ok": NOW}])
def test_while_the_backend_answers_no_page_speaks_of_it(world: World, known: dict[str, Any]) -> None:
    with writing(world.engine) as store:
        store.add(BackendState(id=1, **known))
    assert "OCPP backend" not in text_of(world.open_page("selam", "live"))
