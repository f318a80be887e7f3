"""The page Revenue, and what the Overview says of attention and of both ends of the ranking."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from dashboard_pages import OpenPage, opening_pages, text_of
from factories import add_owner, add_session, add_station, add_tariff, add_user, roll_up
from sqlalchemy import Engine

from dashboard import loading, visitor
from dashboard.revenue.figure import over_time
from db import job_schedules
from db.analytics.buckets import Grain, bucket_of, buckets
from db.analytics.revenue import Earned
from db.analytics.scope import Period
from db.engine import writing
from db.job_schedules import Expected
from db.models import BackendState, OCPPStation, WebhookEvent
from schedule import Schedule
from settings import load

NOW = datetime.now(UTC).replace(microsecond=0)
START = NOW - timedelta(days=3)


@pytest.mark.parametrize("grain", ["day", "week", "month"])
def test_a_chart_has_as_many_days_of_the_period_before_beside_each_bar(grain: Grain) -> None:
    period = Period(date(2026, 3, 9), date(2026, 4, 8))
    earned = {
        bucket: {
            "ETB": Earned(gross=Decimal(sum(bucket_of(day, 0, grain) == bucket for day in _days(period))))
        }
        for bucket in buckets(period, grain)
    }
    before = {bucket: {"ETB": Earned(gross=Decimal(1))} for bucket in buckets(period.previous(), "day")}
    net, vat, dotted = over_time(earned, before, "ETB", grain).data
    assert list(dotted.x) == list(net.x)
    assert list(dotted.y) == [one + other for one, other in zip(net.y, vat.y, strict=True)]


def _days(period: Period) -> list[date]:
    return [bucket.day for bucket in buckets(period, "day")]


@pytest.fixture
def open_page(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenPage]:
    settings = load(None, ocpp_backend_port=1, ocpp_timeout=1, ocpp_retry_attempts=0)
    with opening_pages(engine, settings, monkeypatch) as opening:
        yield opening


@pytest.fixture
def world(engine: Engine) -> dict[str, int]:
    """Addis has Bole, which earned 200 ETB, and Berlin with 30 EUR; Rift has Adama with 70 ETB and Awash,
    which was never used. One session of Bole is held back. The ids of all by their names.
    """
    with writing(engine) as store:
        addis, rift = add_owner(store, "Addis"), add_owner(store, "Rift")
        add_user(store, "admin")
        add_user(store, "selam", "owner", addis)
        add_user(store, "dawit", "owner", rift)
        add_user(store, "new", "owner", add_owner(store, "New"))
        tariff = add_tariff(store)
        tariff.name, tariff.code, tariff.version = "Day & night", "DAY", 3
        made = {
            "Bole": add_station(store, addis, "Bole", tariff=tariff),
            "Berlin": add_station(store, addis, "Berlin", timezone="Europe/Berlin", currency="EUR"),
            "Adama": add_station(store, rift, "Adama <b>Gate</b>"),
            "Awash": add_station(store, rift, "Awash"),
        }
        for name, energy_wh, cost, tax in (
            ("Bole", 16_000, "200.00", "26.09"),
            ("Berlin", 60_000, "30.00", "4.79"),
            ("Adama", 7_000, "70.00", "9.13"),
        ):
            add_session(store, made[name], START, energy_wh=energy_wh, cost=Decimal(cost), tax=Decimal(tax))
        add_session(store, made["Bole"], START, energy_wh=900_000, cost=Decimal(9000), verdict="held")
        roll_up(store, START.date() - timedelta(days=1), NOW.date() + timedelta(days=1))
        return {name: station.id for name, station in made.items()}


@pytest.mark.usefixtures("world")
def test_every_currency_is_told_for_itself_and_what_is_held_back_beside(open_page: OpenPage) -> None:
    said = text_of(open_page("admin", "revenue"))
    assert "Revenue, VAT included 270.00 ETB" in said and "Revenue, VAT included 30.00 EUR" in said
    assert "Net revenue 234.78 ETB" in said and "VAT 35.22 ETB" in said
    assert "Average price per kWh 11.74 ETB/kWh" in said and "0.50 EUR/kWh" in said
    assert "1 session is held back, with 9,000.00 ETB" in said
    # What is told by station, by tariff and by owner: sessions, energy, revenue, VAT, net and price.
    of_bole = "1 16.0 kWh 200.00 ETB 26.09 ETB 173.91 ETB 12.50 ETB"
    assert f"Bole {of_bole}" in said and f"Day & night Version 3 {of_bole}" in said
    assert "Adama <b>Gate</b> 1 7.0 kWh 70.00 ETB" in said and "No tariff" in said
    assert f"Addis {of_bole}" in said and "Rift 1 7.0 kWh 70.00 ETB" in said


def test_the_name_of_an_owner_narrows_the_page_to_its_stations(
    world: dict[str, int], open_page: OpenPage
) -> None:
    page = open_page("admin", "revenue", period="7d")
    (table,) = [html.proto.body for html in page.get("html") if "Revenue by owner" in html.proto.body]
    assert f'"/revenue?period=7d&amp;stations={world["Berlin"]}%2C{world["Bole"]}"' in table
    narrowed = text_of(open_page("admin", "revenue", stations=f"{world['Bole']},{world['Berlin']}"))
    assert "200.00 ETB" in narrowed and "Adama" not in narrowed and "Rift 1" not in narrowed


@pytest.mark.usefixtures("world")
def test_an_owner_sees_its_own_revenue_and_no_owners(open_page: OpenPage) -> None:
    said = text_of(open_page("dawit", "revenue"))
    assert "Revenue, VAT included 70.00 ETB" in said and "By station" in said
    assert "By owner" not in said and "Bole" not in said and "held back" not in said


@pytest.mark.usefixtures("world")
def test_without_sessions_the_page_says_so(open_page: OpenPage) -> None:
    assert "No charging sessions yet" in text_of(open_page("new", "revenue"))
    assert "Nothing was earned in this period" in text_of(
        open_page("admin", "revenue", **{"from": "2020-01-01", "to": "2020-01-31"})
    )


@pytest.mark.usefixtures("world")
def test_every_table_comes_as_csv_and_excel_of_the_visitors_own_stations(open_page: OpenPage) -> None:
    open_page("selam", "revenue")
    scope, days = visitor.visitor().scope, Period(START.date() - timedelta(days=1), NOW.date())
    for what in ("day", "week", "month", "station", "tariff", "owner"):
        lines = loading.file(f"revenue-by-{what}", "csv", scope, days).decode()
        assert "200.00,26.09,173.91,12.5000" in lines and "Adama" not in lines and "Rift" not in lines
    assert loading.file("revenue-by-station", "xlsx", scope, days).startswith(b"PK")


@pytest.fixture
def troubled(engine: Engine, world: dict[str, int]) -> None:
    """Adama is offline with a running session, and a connector of Bole is faulted; much else is wrong."""
    with writing(engine) as store:
        bole, adama = (store.get_one(OCPPStation, world[name]) for name in ("Bole", "Adama"))
        berlin, awash = (store.get_one(OCPPStation, world[name]) for name in ("Berlin", "Awash"))
        adama.is_online, adama.last_heartbeat = False, NOW - timedelta(hours=3)
        bole.connectors[0].status, bole.connectors[0].error_code = "faulted", "GroundFailure"
        bole.connectors[0].status_at = NOW - timedelta(hours=2)
        berlin.last_heartbeat = NOW - timedelta(days=2)
        awash.charging_station.is_active, awash.is_online = False, False
        add_session(
            store,
            adama,
            NOW - timedelta(hours=5),
            minutes=None,
            status="charging",
            power_at=NOW - timedelta(hours=4),
            connector=2,
        )
        late = Expected("sync", Schedule(seconds=60))
        job_schedules.note_next(store, late, next_due=NOW - timedelta(hours=1), now=NOW)
        store.add(
            WebhookEvent(
                event_key="e", body_digest="d", body=b"", type="x", state="dead", received_at=NOW, error="no"
            )
        )
        store.add(BackendState(id=1, down_since=datetime.now(UTC) - timedelta(minutes=7, seconds=20)))


@pytest.mark.usefixtures("troubled")
def test_an_admin_is_told_first_what_needs_attention(world: dict[str, int], open_page: OpenPage) -> None:
    page = open_page("admin")
    said = text_of(page)
    for words in (
        "The OCPP backend does not answer for 7 min",
        "1 station offline Adama <b>Gate</b> for 3 h",
        "1 connector faulted Bole 1,",
        "1 station connected but silent Berlin for 2 d",
        "1 session stuck running, but silent: Adama <b>Gate</b> for 4 h",
        "1 session held back",
        "1 job late sync",
        "1 webhook dead",
    ):
        assert words in said
    assert said.index("Needs attention") < said.index("Energy 83.0 kWh") and "All well" not in said
    links = [link.proto.query_string for link in page.get("page_link")]
    assert f"station={world['Adama']}" in links and f"station={world['Bole']}" in links


@pytest.mark.usefixtures("troubled")
def test_an_owner_is_told_of_its_own_stations_only(open_page: OpenPage) -> None:
    said = text_of(open_page("dawit"))
    assert "1 station offline" in said and "1 session stuck" in said
    assert not any(words in said for words in ("faulted Bole", "silent Berlin", "held back", "late", "dead"))


@pytest.mark.usefixtures("world")
def test_where_nothing_is_wrong_all_is_well(open_page: OpenPage) -> None:
    said = text_of(open_page("dawit"))
    assert "All well Looked at" in said and "Needs attention" not in said


@pytest.mark.usefixtures("world")
def test_nothing_is_said_to_be_well_where_there_is_no_station(open_page: OpenPage) -> None:
    said = text_of(open_page("new"))
    assert "No stations yet They are here as soon as an administrator has added them." in said
    assert "All well" not in said


def test_the_stations_with_the_least_use_stand_beside_the_best(
    world: dict[str, int], open_page: OpenPage
) -> None:
    page = open_page("admin", period="7d")
    said = text_of(page)
    assert "Top stations By revenue in ETB, VAT included Bole 200.00 ETB" in said
    assert "Least used stations By energy; those without a session first Awash No session Adama" in said
    html = " ".join(html.proto.body for html in page.get("html"))
    assert f'href="/stations?period=7d&amp;station={world["Awash"]}"' in html
