"""Filters shared by pages, the stations' pages, the admin's pages, and looking as an owner does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from dashboard_pages import OpenPage, opening_pages, text_of
from factories import add_owner, add_session, add_station, add_status, add_tariff, add_user, roll_up
from sqlalchemy import Engine, select

from db import job_schedules
from db.accounts import find_user
from db.engine import reading, writing
from db.job_schedules import Expected
from db.models import JobRun, OCPPLog, OCPPStation, StationOwner, utc_now
from schedule import Schedule
from settings import load

SECRET = "a key that nobody may see"


@pytest.fixture
def open_page(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenPage]:
    settings = load(
        None,
        database_url=f"sqlite:///{tmp_path / 'unused.db'}",
        ocpp_backend_port=1,
        ocpp_timeout=1,
        ocpp_retry_attempts=0,
        ocpp_api_key=SECRET,
        database_read_url=f"postgresql+psycopg://reader:{SECRET}@replica/store",
    )
    monkeypatch.setattr("dashboard.resources.replica", lambda: None)
    with opening_pages(engine, settings, monkeypatch) as opening:
        yield opening


@pytest.fixture
def pks(engine: Engine) -> dict[str, int]:
    """Addis Charge has Bole, Meskel and Sarbet with 1, 2 and 4 kWh, Rift Energy has Adama with 8 kWh.

    Bole was faulted for two hours.
    """
    now = utc_now().replace(microsecond=0)
    with writing(engine) as store:
        addis, rift = add_owner(store, "Addis Charge"), add_owner(store, "Rift Energy")
        add_user(store, "admin")
        add_user(store, "selam", "owner", addis)
        tariff = add_tariff(store)
        made: dict[str, OCPPStation] = {}
        for name, owner, energy_wh in (
            ("Bole", addis, 1000),
            ("Meskel", addis, 2000),
            ("Sarbet", addis, 4000),
            ("Adama", rift, 8000),
        ):
            made[name] = add_station(store, owner, name, connectors=1, tariff=tariff)
            start = now - timedelta(days=3)
            add_session(store, made[name], start, energy_wh=energy_wh, cost=Decimal(energy_wh) / 100)
        (connector,) = made["Bole"].connectors
        add_status(
            store,
            connector,
            "faulted",
            now - timedelta(days=4, hours=2),
            now - timedelta(days=4),
            "GroundFailure",
        )
        add_status(store, connector, "available", now - timedelta(days=4))
        made["Bole"].charging_station.latitude, made["Bole"].charging_station.longitude = 8.99, 38.79
        roll_up(store, (now - timedelta(days=5)).date(), (now + timedelta(days=1)).date())
        return {name: station.id for name, station in made.items()}


def test_the_figures_are_those_of_the_stations_in_the_address(
    pks: dict[str, int], open_page: OpenPage
) -> None:
    page = open_page("selam", stations=f"{pks['Bole']},{pks['Sarbet']}", period="7d")
    assert "5.0 kWh" in text_of(page)
    page.switch_page("views/sessions.py").run()
    said = text_of(page)
    assert "2 sessions 5.000 kWh delivered" in said and "EAT, UTC+3" in said


def test_what_an_address_says_of_anothers_station_is_left_out_with_a_word(
    pks: dict[str, int], open_page: OpenPage
) -> None:
    page = open_page("selam", stations=f"{pks['Bole']},{pks['Adama']}", period="never")
    said = text_of(page)
    assert "A station in the address does not exist." in said and "no period “never”" in said
    assert "1.0 kWh" in said and "Adama" not in said
    assert page.query_params["stations"] == str(pks["Bole"])


@pytest.mark.usefixtures("pks")
def test_the_list_of_stations_has_each_with_its_state_and_figures(open_page: OpenPage) -> None:
    page = open_page("admin", "stations", period="7d")
    said = text_of(page)
    assert "4 stations 4 connectors 4 available" in said and "3 of 4 without coordinates" in said
    assert "Adama Rift Energy" in said and "Last heard just now" in said
    page.text_input(key="station-find").set_value("rift").run()
    assert "1 station 1 connector" in text_of(page)


@pytest.mark.usefixtures("pks")
def test_an_address_leads_to_what_was_chosen_in_every_language(engine: Engine, open_page: OpenPage) -> None:
    page = open_page("admin", "stations")
    page.selectbox(key="station-order").select("Name").run()
    page.button_group(key="station-state").set_value(["available"]).run()
    sent = {name: page.query_params[name] for name in ("station-order", "station-state")}
    assert sent == {"station-order": "Name", "station-state": "available"}
    with writing(engine) as store:
        find_user(store, "admin").language = "am"
    read = open_page("admin", "stations", **sent)
    assert read.selectbox(key="station-order").value == "Name"
    assert read.button_group(key="station-state").value == ["available"]
    assert "4 ጣቢያዎች" in text_of(read)
    read.selectbox(key="station-order").select_index(0).run()
    assert "station-order" not in read.query_params and "station-state" in read.query_params


def test_an_owners_list_and_pages_are_of_its_own_stations(pks: dict[str, int], open_page: OpenPage) -> None:
    assert "Adama" not in text_of(open_page("selam", "stations"))
    of_another = text_of(open_page("selam", "stations", station=str(pks["Adama"])))
    assert "No such station" in of_another and "Adama" not in of_another
    assert "No such station" in text_of(open_page("selam", "stations", station="x"))


def test_a_stations_page_has_its_figures_outages_and_sessions(
    pks: dict[str, int], open_page: OpenPage
) -> None:
    page = open_page("selam", "stations", station=str(pks["Bole"]), period="7d")
    said = text_of(page)
    assert "Bole" in said and "1.0 kWh" in said and "8.99000, 38.79000" in said
    outages, sessions, *_ = (table.value for table in page.dataframe)
    assert outages[["Lasted", "Reported", "Error"]].values.tolist() == [
        ["2\u00a0h 00\u00a0min", "Faulted", "The ground fault breaker tripped"]
    ]
    assert sessions["Energy"].tolist() == [1.0]


@pytest.mark.usefixtures("pks")
def test_settings_are_told_without_their_secrets(open_page: OpenPage) -> None:
    page = open_page("admin", "settings_page")
    said = text_of(page)
    assert "OCPP_API_KEY Sent to the OCPP backend as a bearer token" in said
    assert "reader:••••••••@replica" in said
    assert SECRET not in said


def test_a_sync_is_asked_for_once(pks: dict[str, int], open_page: OpenPage, engine: Engine) -> None:
    now = utc_now()
    with writing(engine) as store:
        bole = store.get_one(OCPPStation, pks["Bole"])
        bole.sync_error, bole.sync_failures = "The <name> is taken.", 3
        bole.sync_after = now + timedelta(minutes=30)
        sync = Expected("sync", Schedule(seconds=60), "Tells the backend which stations there are")
        job_schedules.note_next(store, sync, next_due=now + timedelta(seconds=30), now=now)
    page = open_page("admin", "stations_owners")
    assert "The <name> is taken. (3 times in a row) It is told again in" in text_of(page)
    page.button(key="sync-now").click().run()
    assert page.button(key="sync-now").disabled
    with reading(engine) as store:
        assert [(run.job, run.state, run.requested_by) for run in store.scalars(select(JobRun))] == [
            ("sync", "requested", "admin")
        ]
        assert store.get_one(OCPPStation, pks["Bole"]).sync_after is None


@pytest.mark.usefixtures("pks")
def test_the_ocpp_log_says_that_its_backend_is_away_and_shows_events_all_the_same(
    open_page: OpenPage, engine: Engine
) -> None:
    with writing(engine) as store:
        store.add(
            OCPPLog(station_id="STATION_BOLE", action="station_status", level="warning", raw_data={"a": "b"})
        )
    page = open_page("admin", "ocpp_log")
    assert "The OCPP backend does not answer" in text_of(page)
    page.button_group(key="log").set_value("events").run()
    assert "Station status Bole" in text_of(page)
    (opened,) = (button for button in page.button if str(button.key).startswith("open-logged"))
    opened.click().run()
    assert [code.value for code in page.code] == ['{\n  "a": "b"\n}']


@pytest.mark.usefixtures("pks")
def test_an_admin_sees_and_reaches_what_the_owner_does_until_it_ends(
    open_page: OpenPage, engine: Engine
) -> None:
    page = open_page("admin")
    with reading(engine) as store:
        addis = store.scalars(select(StationOwner.id).where(StationOwner.name == "Addis Charge")).one()
    page.selectbox(key="view-as").set_value(addis).run()
    said = text_of(page)
    assert "You see what Addis Charge sees" in said and "7.0 kWh" in said and "Adama" not in said
    with pytest.raises(ValueError, match="navigation page"):
        page.switch_page("views/access.py")
    page.button(key="view-as-end").click().run()
    said = text_of(page)
    assert "You see what" not in said and "15.0 kWh" in said


@pytest.mark.usefixtures("pks")
def test_the_trend_has_a_bar_for_each_hour_of_a_week(open_page: OpenPage) -> None:
    page = open_page("selam", period="7d", by="hour")
    assert "Hourly trend" in text_of(page)
    (trace, *_) = json.loads(page.get("plotly_chart")[0].proto.spec)["data"]
    assert trace["name"] == "Energy" and len(trace["x"]) == 7 * 24
