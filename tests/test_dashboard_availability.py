"""The page Availability for a given user and store: what it tells, and who may exclude outages there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from dashboard_pages import OpenPage, opening_pages, text_of
from factories import add_owner, add_session, add_station, add_status, add_user
from sqlalchemy import Engine, select
from streamlit.testing.v1 import AppTest

from dashboard import loading, visitor
from dashboard.exclusions import orders
from dashboard.exclusions.orders import Draft
from db.analytics import exclusions
from db.analytics.exclusions import Exclusion, ExclusionRefused
from db.analytics.scope import Period, Scope
from db.analytics.spans import Span
from db.engine import reading, writing
from db.models import OCPPStation, StationOwner, User
from settings import Settings, load

ADDIS = ZoneInfo("Africa/Addis_Ababa")
NOW = datetime.now(UTC).replace(microsecond=0)
# Whole days of the station's clock, so that the hour of the test changes nothing.
BEGUN = (NOW - timedelta(days=5)).replace(hour=0, minute=0, second=0)


@pytest.fixture
def settings() -> Settings:
    return load(None)


@pytest.fixture
def open_page(world: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenPage]:
    with opening_pages(world, settings, monkeypatch) as opening:
        yield opening


@pytest.fixture
def world(sqlite: Engine) -> Engine:
    """Bole Road of selam's, whose connector was faulted for 10 of 100 hours, and somebody else's station."""
    with writing(sqlite) as store:
        addis = add_owner(store)
        add_user(store, "admin")
        add_user(store, "selam", "owner", addis)
        bole = add_station(store, addis, connectors=1)
        other = add_station(store, add_owner(store, "Rift Energy"), "Adama Gate", connectors=1)
        ten, eleven = BEGUN + timedelta(hours=10), BEGUN + timedelta(hours=20)
        add_status(store, bole.connectors[0], "available", BEGUN, ten)
        add_status(
            store, bole.connectors[0], "faulted", ten, eleven, "OtherError"
        ).vendor_error_code = "CX008"
        add_status(store, bole.connectors[0], "available", eleven, BEGUN + timedelta(hours=100))
        add_status(store, other.connectors[0], "available", BEGUN, BEGUN + timedelta(hours=100))
        add_session(store, bole, BEGUN, minutes=1, energy_wh=0, status="failed", stop_reason="PowerLoss")
        add_session(store, bole, BEGUN + timedelta(minutes=5))
        add_session(store, other, BEGUN, id_tag="OTHER")
    return sqlite


def _bole(engine: Engine) -> OCPPStation:
    with reading(engine) as store:
        return store.scalars(select(OCPPStation).where(OCPPStation.station_id == "STATION_BOLE_ROAD")).one()


def _entered(engine: Engine) -> list[Exclusion]:
    with reading(engine) as store:
        return exclusions.entered(store, Scope.network())


def _exclude(engine: Engine) -> None:
    """The middle five of the ten hours."""
    with writing(engine) as store:
        exclusions.enter(
            store,
            station_pk=_bole(engine).id,
            connector_pk=None,
            span=Span(BEGUN + timedelta(hours=12), BEGUN + timedelta(hours=17)),
            reason="vandalism",
            notes="<b>cut</b> cable",
            by=store.scalars(select(User).where(User.user_name == "admin")).one(),
        )


def _press(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click().run()
    assert not page.exception, page.exception
    return page


def test_an_owner_sees_its_stations_by_all_three_definitions(open_page: OpenPage) -> None:
    said = text_of(open_page("selam", "availability", period="7d"))
    assert "90.00 % as on the Overview 10 h down of 100 h" in said
    assert "90.00 % 0 of 1 over 97 % nothing excluded" in said
    assert "10 h out of service" in said
    assert "50.00 % 1 of 2 attempts" in said and "0.00 % 0 of 1 visits" in said
    assert "Adama" not in said and "Nothing is excluded" in said


def test_errors_outages_and_visits_are_told_in_words(open_page: OpenPage) -> None:
    page = open_page("selam", "availability", period="7d")
    outages, visits, errors = (frame.value.iloc[0] for frame in page.dataframe)
    assert (outages["Error"], outages["Lasted"]) == (
        "The emergency stop was pressed",
        "10\u00a0h 00\u00a0min",
    )
    assert (errors["Error"], errors["Faults"]) == ("CX008 EmergencyStop", 1)
    assert visits["Outcome"] == "Charged after trouble"
    assert visits["What happened"] == (
        "✕ Connector 1: 0.0\u00a0kWh, power loss; ✓ Connector 1: 12.5\u00a0kWh, stopped at the station"
    )


def test_an_exclusion_changes_the_figures_at_once_for_everybody(world: Engine, open_page: OpenPage) -> None:
    page = open_page("selam", "availability", period="7d")
    _exclude(world)
    said = text_of(page.run())
    assert "90.00 % as on the Overview" in said and "95.00 % 0 of 1 over 97 % 5 h excluded" in said
    assert "Vandalism · <b>cut</b> cable" in said
    assert page.dataframe[0].value["Why it does not count"][0] == "Vandalism: <b>cut</b> cable"


def test_an_owner_neither_sees_the_form_nor_can_enter_or_revoke(world: Engine, open_page: OpenPage) -> None:
    _exclude(world)
    page = open_page("selam", "availability")
    assert not [b.key for b in page.button if str(b.key).startswith(("new-", "exclu", "revoke"))]
    draft = Draft(_bole(world).id, None, BEGUN.replace(tzinfo=None), NOW.replace(tzinfo=None), "maintenance")
    (known,) = _entered(world)
    for forbidden in (
        lambda: orders.enter(visitor.visitor(), draft),
        lambda: orders.review(visitor.visitor(), draft),
        lambda: orders.revoke(visitor.visitor(), known.pk),
    ):
        with pytest.raises(ExclusionRefused, match="only admins"):
            forbidden()
    assert _entered(world) == [known]


def test_bad_input_is_told_and_the_form_keeps_what_was_typed(world: Engine, open_page: OpenPage) -> None:
    page = _press(open_page("admin", "availability"), "new-exclusion")
    assert "Choose a station." in page_error(_press(page, "exclusion-next"))
    page.selectbox(key="exclusion-station").set_value(_bole(world).id).run()
    page.datetime_input(key="exclusion-end").set_value(datetime(2020, 1, 1))  # noqa: DTZ001
    page.text_area(key="exclusion-notes").set_value("Ticket 7")
    assert "An exclusion ends after it begins." in page_error(_press(page, "exclusion-next"))
    assert page.text_area(key="exclusion-notes").value == "Ticket 7"
    assert _entered(world) == []


def test_an_admin_excludes_an_outage_after_a_look_at_what_it_changes(
    world: Engine, open_page: OpenPage
) -> None:
    page = _press(open_page("admin", "availability"), "new-exclusion")
    page.selectbox(key="exclusion-station").set_value(_bole(world).id).run()
    begun = BEGUN.astimezone(ADDIS).replace(tzinfo=None)
    page.datetime_input(key="exclusion-start").set_value(begun + timedelta(hours=12))
    page.datetime_input(key="exclusion-end").set_value(begun + timedelta(hours=30))
    page.selectbox(key="exclusion-reason").set_value("vehicle")
    _press(page, "exclusion-next")
    said = text_of(page)
    assert "Bole Road · all connectors" in said and "Down in that time 8 h 00 min" in said
    assert _entered(world) == []
    _press(page, "exclusion-confirm")
    (found,) = _entered(world)
    assert (found.start, found.reason) == (BEGUN + timedelta(hours=12), "vehicle")
    assert "8 h excluded" in text_of(page)


def test_of_two_stations_of_one_name_the_chosen_one_is_excluded(world: Engine, open_page: OpenPage) -> None:
    with writing(world) as store:
        twin = add_station(store, store.scalars(select(StationOwner)).all()[0], station_id="TWIN").id
    page = _press(open_page("admin", "availability"), "new-exclusion")
    page.selectbox(key="exclusion-station").set_value(_bole(world).id).run()
    assert "Bole Road (TWIN)" in page.selectbox(key="exclusion-station").options
    begun = BEGUN.astimezone(ADDIS).replace(tzinfo=None)
    page.datetime_input(key="exclusion-start").set_value(begun)
    page.datetime_input(key="exclusion-end").set_value(begun + timedelta(hours=1))
    _press(_press(page, "exclusion-next"), "exclusion-confirm")
    assert [each.station_pk for each in _entered(world)] == [_bole(world).id] != [twin]


def page_error(page: AppTest) -> str:
    return " ".join(error.value for error in page.error)


def test_an_admin_revokes_an_exclusion(world: Engine, open_page: OpenPage) -> None:
    _exclude(world)
    page = _press(open_page("admin", "availability"), f"revoke-{_entered(world)[0].pk}")
    _press(page, "exclusion-confirm")
    assert _entered(world) == [] and "Nothing is excluded" in text_of(page)


def test_the_lists_come_as_files_of_the_visitors_own_stations(open_page: OpenPage) -> None:
    open_page("selam", "availability")
    scope, days = visitor.visitor().scope, Period(BEGUN.date(), NOW.date())
    for name in ("outages", "station-availability", "exclusions", "troubled-visits", "errors"):
        text = loading.file(name, "csv", scope, days).decode()
        assert "Adama" not in text and ("Bole" in text) == (name not in ("exclusions", "errors"))


def test_without_anything_observed_the_page_says_so(world: Engine, open_page: OpenPage) -> None:
    with writing(world) as store:
        add_user(store, "dawit", "owner", add_owner(store, "New"))
    said = text_of(open_page("dawit", "availability"))
    assert "Nothing was observed in this period" in said and "No errors in this period" in said
    assert "– no data" in said
