"""The dashboard in a real browser: sign in, see one's own numbers, sign out everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from browser import fill_in_sign_in, turn_to
from dashboard_server import serving
from english_words import english_on
from factories import (
    add_meter_values,
    add_owner,
    add_session,
    add_station,
    add_tariff,
    add_user,
    make_store,
    roll_up,
)
from playwright.sync_api import Browser, BrowserContext, expect
from sqlalchemy import Engine

from dashboard.gate import languages
from dashboard.navigation import OWNERS, PAGES
from db.analytics.definitions import KPIS
from db.engine import writing

NOW = datetime.now(UTC).replace(microsecond=0)
# Scripts since the browser looked for the server's health, which is before it is sent any element.
ASKED_FOR_LATER = """() => {
  const asked = performance.getEntriesByType("resource");
  const health = asked.find(each => each.name.endsWith("/_stcore/health"));
  return asked.filter(each => each.name.endsWith(".js") && each.startTime > health.startTime)
    .map(each => each.name);
}"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    engine = make_store(tmp_path_factory.mktemp("browser"))
    with writing(engine) as store:
        addis, rift = add_owner(store, "Addis Charge"), add_owner(store, "Rift Energy")
        add_user(store, "selam", "owner", addis)
        add_user(store)
        tariff = add_tariff(store)
        bole, adama = add_station(store, addis, "Bole Road", tariff=tariff), add_station(store, rift, "Adama")
        start = NOW - timedelta(days=1)
        session = add_session(store, bole, start, energy_wh=23_456, cost=Decimal("234.56"))
        add_meter_values(
            store, session, [(start, 0, 40_000), (start + timedelta(minutes=30), 23_456, 30_000)]
        )
        add_session(store, adama, start, energy_wh=99_000, cost=Decimal("990.00"))
        roll_up(store, start.date() - timedelta(days=1), NOW.date() + timedelta(days=1))
    return engine


@pytest.fixture(scope="module")
def url(engine: Engine) -> Iterator[str]:
    with serving(engine) as url:
        yield url


def test_an_owner_sees_its_numbers_and_nobody_elses(context: BrowserContext, url: str) -> None:
    page = fill_in_sign_in(context, url)
    energy = page.get_by_role("region", name="Energy")
    expect(energy.locator(".mm-kpi-value")).to_have_text("23.5 kWh")
    expect(page.locator(".mm-bars")).to_contain_text("Bole Road")
    assert "Adama" not in page.content()


def test_the_page_loads_nothing_that_its_own_policy_forbids(context: BrowserContext, url: str) -> None:
    problems: list[str] = []
    context.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page = fill_in_sign_in(context, url)
    expect(page.locator(".js-plotly-plot")).to_have_count(2)
    assert problems == []


def test_the_scripts_that_draw_a_page_are_asked_for_with_its_document(
    context: BrowserContext, url: str
) -> None:
    dates = f"from={(NOW - timedelta(days=2)).date()}&to={NOW.date()}"
    page = fill_in_sign_in(context, url, f"/?{dates}")
    expect(page.locator(".js-plotly-plot")).to_have_count(2)
    expect(page.get_by_test_id("stDateInput")).to_be_visible()
    assert page.evaluate(ASKED_FOR_LATER) == []


def test_a_page_shows_where_things_will_be_until_its_scripts_have_drawn_it(
    browser: Browser, context: BrowserContext, url: str
) -> None:
    page = fill_in_sign_in(context, url)
    expect(page.get_by_test_id("stMain").get_by_test_id("stIconMaterial").first).to_be_visible()
    expect(page.locator(".mm-waiting")).to_have_count(0)
    context.add_cookies([{"name": languages.COOKIE, "value": "am", "url": url}])
    context.route("**/static/js/*", lambda route: route.abort())
    waiting = context.new_page()
    waiting.goto(url, wait_until="commit")
    expect(waiting.get_by_role("status")).to_contain_text("በመጫን ላይ…")
    assert waiting.locator("html").get_attribute("lang") == "am"
    with browser.new_context(storage_state=context.storage_state(), java_script_enabled=False) as scriptless:
        never = scriptless.new_page()
        never.goto(url)
        expect(never.locator("noscript p")).to_contain_text("JavaScript")
        expect(never.locator(".mm-waiting")).to_be_hidden()


def test_charts_have_the_room_that_plotly_would_find_by_drawing_them_twice(
    context: BrowserContext, url: str
) -> None:
    page = fill_in_sign_in(context, url)
    expect(page.locator(".js-plotly-plot .cartesianlayer")).to_have_count(2)
    found = page.evaluate(
        "() => [...document.querySelectorAll('.js-plotly-plot')].map("
        "({_fullLayout: {margin, _size}}) => ['l', 'r', 't', 'b'].map(side => [margin[side], _size[side]]))"
    )
    assert [[given for given, _ in sides] for sides in found] == [
        [used for _, used in sides] for sides in found
    ]


def test_a_session_in_the_address_has_a_page_with_its_bill_its_curve_and_its_meter_as_a_file(
    context: BrowserContext, url: str
) -> None:
    page = fill_in_sign_in(context, url, "/sessions?session=1")
    expect(page.locator(".st-key-card-bill")).to_contain_text("23.456 kWh × 10.00 ETB/kWh")
    expect(page.locator(".js-plotly-plot")).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("button", name="Meter values as CSV").click()
    assert "energy_active_import_register,23456" in download.value.path().read_text("utf-8-sig")


def test_a_card_opens_how_it_is_computed_and_gives_the_rows_as_a_file(
    context: BrowserContext, url: str
) -> None:
    page = fill_in_sign_in(context, url)
    page.get_by_role("button", name="How Energy is computed").first.click()
    drawer = page.get_by_role("dialog")
    expect(drawer).to_contain_text(KPIS["energy"].formula)
    drawer.get_by_text("This period", exact=True).last.click()
    expect(drawer).to_contain_text("Rows 1 to 1 of 1")
    with page.expect_download() as download:
        drawer.get_by_role("button", name="Download CSV").click()
    rows = download.value.path().read_text("utf-8-sig")
    assert "Bole Road,1," in rows and ",23456," in rows and "Adama" not in rows


def test_a_session_of_another_owner_does_not_exist(context: BrowserContext, url: str) -> None:
    page = fill_in_sign_in(context, url, "/sessions?session=2")
    expect(page.locator(".st-key-card-none")).to_contain_text("No such session")


def test_logging_out_in_one_tab_ends_the_other(context: BrowserContext, url: str) -> None:
    first = fill_in_sign_in(context, url, "/live")
    expect(first.locator(".mm-connector").first).to_be_visible()
    second = context.new_page()
    second.goto(url)
    second.get_by_role("link", name="Log out").click()
    expect(second.get_by_label("User name")).to_be_visible()
    expect(first.get_by_label("User name")).to_be_visible()


def test_choosing_a_page_in_a_narrow_window_closes_the_drawer(context: BrowserContext, url: str) -> None:
    page = fill_in_sign_in(context, url)
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.locator(".st-key-kpis")).to_be_visible()
    page.get_by_test_id("stExpandSidebarButton").click()
    drawer = page.get_by_test_id("stSidebar")
    expect(drawer).to_have_attribute("data-collapsed", "false")
    drawer.get_by_role("link", name="Sessions").click()
    expect(page.get_by_role("heading", name="Sessions")).to_be_visible()
    expect(drawer).to_have_attribute("data-collapsed", "true")


def test_what_was_chosen_outlives_another_page_and_a_refresh(context: BrowserContext, url: str) -> None:
    page = fill_in_sign_in(context, url, "/?period=7d")
    chosen = page.get_by_role("radio", name="7 days")
    expect(chosen).to_be_checked()
    page.get_by_role("link", name="Sessions").click()
    expect(page.get_by_role("heading", name="Sessions")).to_be_visible()
    expect(chosen).to_be_checked()
    page.reload()
    expect(page).to_have_url(f"{url}/sessions?period=7d")
    expect(chosen).to_be_checked()


def test_a_choice_is_named_in_the_address_and_goes_back_with_it(context: BrowserContext, url: str) -> None:
    page = fill_in_sign_in(context, url, "/stations?station-state=charging")
    charging = page.get_by_role("button", name="Charging")
    expect(charging).to_have_attribute("aria-pressed", "true", timeout=30_000)
    page.get_by_role("button", name="Available").click()
    expect(page).to_have_url(f"{url}/stations?station-state=charging&station-state=available&period=30d")
    page.go_back()
    expect(page.get_by_role("button", name="Available")).to_have_attribute("aria-pressed", "false")
    expect(charging).to_have_attribute("aria-pressed", "true")
    page.get_by_role("link", name="Sessions").click()
    expect(page.get_by_role("heading", name="Sessions")).to_be_visible(timeout=30_000)
    expect(page).not_to_have_url(re.compile("station-state"))


def test_in_amharic_every_page_of_an_admin_says_all_in_amharic(context: BrowserContext, url: str) -> None:
    page = fill_in_sign_in(context, url, "/login?language=am", "admin")
    english = {}
    for each in PAGES:
        if each.readers != OWNERS:
            turn_to(page, each)
            english[page.url] = english_on(page)
    for address in ("/sessions?session=1", "/stations?station=1", "/?how=availability"):
        page.goto(url + address)
        english[page.url] = english_on(page)
    assert {address: words for address, words in english.items() if words} == {}
    expect(page.locator("html")).to_have_attribute("lang", "am")


def test_a_language_is_kept_with_its_user_and_chosen_anew_in_the_menu(
    context: BrowserContext, url: str
) -> None:
    page = fill_in_sign_in(context, url)
    overview = page.get_by_test_id("stSidebarNavLink").first
    expect(overview).to_have_text(re.compile("Overview"))
    page.get_by_role("radio", name="አማርኛ").click()
    expect(overview).to_have_text(re.compile("አጠቃላይ እይታ"))
    page.get_by_role("link", name="ውጣ").click()
    expect(page.get_by_role("heading", name="ግባ")).to_be_visible()
    page.get_by_role("link", name="English").click()
    fill_in_sign_in(context, url, "/login?language=en")
    expect(context.pages[-1].get_by_test_id("stSidebarNavLink").first).to_have_text(
        re.compile("Overview"), timeout=30_000
    )
