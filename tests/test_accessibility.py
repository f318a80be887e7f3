"""axe-core over every page of the dashboard, as admin and as owner, in both themes: nothing serious in the
way of anybody, and no error in the browser's console.

The pages are those of the navigation, so that a new page is looked at as it is added.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import combinations
from math import dist
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from browser import await_all, console_errors, fill_in_sign_in, turn_to
from dashboard_server import serving
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
from playwright.sync_api import Browser, BrowserContext, Page, expect
from receiver_app import running_receiver
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from dashboard.markup import STYLE_SHEET
from dashboard.navigation import ADMINS, OWNERS, PAGES, DashboardPage
from db.accounts import create_token
from db.analytics.exclusions import enter
from db.analytics.spans import Span
from db.engine import writing
from db.models import (
    JobSchedule,
    OCPPConnector,
    OCPPStation,
    Payment,
    Statement,
    User,
    WebhookEvent,
    utc_now,
)
from ocpp_integration.payments.codes import Label
from ocpp_integration.payments.tokens import token_of

_SERIOUS = ("serious", "critical")
# What axe has beyond the criteria of WCAG 2.2 AA is advice, none of it serious.
_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
# What Plotly draws is a picture to whoever cannot see it, and has its words around it.
_AROUND = {"exclude": [".js-plotly-plot .main-svg"]}
# Streamlit puts a div between the list of its navigation and each item: no attribute of ours reaches there.
_STREAMLITS_OWN = {("list", "stSidebarNavItems"), ("listitem", "stSidebarNavItems")}
_GROUND = "getComputedStyle(document.querySelector('.stApp') ?? document.body).backgroundColor"
_CHARTS_WITHOUT_WORDS = """() => [...document.querySelectorAll(".js-plotly-plot")]
  .filter((chart) => !chart.closest('[data-testid="stPlotlyChart"][aria-label]'))
  .map((chart) => chart.textContent.slice(0, 60))"""
# Buttons and links, but those that do the same wherever they are, such as explain a KPI, and those of a
# field, which Streamlit names by what they do there.
_NAMED_ALIKE = """() => {
  const theirs = '[role="radio"], [tabindex="-1"], [class*="st-key-explain-"] *, '
    + '[data-testid="stNumberInput"] *, .js-plotly-plot *';
  const own = [...document.querySelectorAll(".stMainBlockContainer :is(button:enabled, a)")]
    .filter((each) => !each.matches(theirs) && each.checkVisibility());
  const spoken = (each) => each.ariaLabel || [...each.querySelectorAll("p"), each][0].innerText.trim();
  const names = own.map(spoken);
  return names.filter((name, place) => names.indexOf(name) !== place);
}"""

# What of red, green and blue is left to an eye (Machado, Oliveira and Fernandes 2009, severity 1).
_EYES = {
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}


@pytest.fixture(scope="module")
def engine_of_pages(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    now = datetime.now(UTC).replace(microsecond=0)
    engine = make_store(tmp_path_factory.mktemp("axe"))
    with writing(engine) as store:
        owner = add_owner(store)
        admin = add_user(store, "admin")
        selam = add_user(store, "selam", "owner", owner)
        bole = add_station(store, owner, "Bole Road", tariff=add_tariff(store))
        for user in (admin, selam):
            add_rows_alike(store, user, add_station(store, owner, f"Of {user.name}"), now)
        start = now - timedelta(days=1)
        session = add_session(store, bole, start, energy_wh=23_456, cost=Decimal("234.56"))
        add_meter_values(
            store, session, [(start, 0, 40_000), (start + timedelta(minutes=30), 23_456, 30_000)]
        )
        roll_up(store, start.date() - timedelta(days=1), now.date() + timedelta(days=1))
    return engine


def add_rows_alike(store: Session, user: User, place: OCPPStation, now: datetime) -> None:
    """Called twice, the lists have two rows whose buttons say the same to the eye."""
    day = timedelta(days=1)
    add_session(store, place, now - day, verdict="held", flags=["energy_beyond_connector"])
    add_session(store, place, now, minutes=None, status="charging", cost=None)
    place.connectors[0].status = "charging"
    create_token(store, user, user, name="Billing", expires_at=None)
    where: dict[str, Any] = {"station_pk": place.id, "connector_pk": None, "span": Span(now - day, now)}
    enter(store, **where, reason="maintenance", by=user)
    month = date(2026, 1 + place.id, 1)
    sums = dict.fromkeys(("sessions", "energy_wh", "gross", "tax", "fee"), 0)
    owner = place.charging_station.owner
    store.add(Statement(owner=owner, owner_name=owner.name, currency="ETB", month=month, **sums))
    store.add(
        WebhookEvent(event_key=user.user_name, body_digest="", type="session.started", body=b"", state="dead")
    )
    store.add(JobSchedule(job=user.user_name, about="a job", seconds=60, next_due=now + day, updated_at=now))
    payment: dict[str, Any] = {"provider": "sandbox", "phone": "+251911223344", "currency": "ETB"}
    payment |= {"amount": 100, "expires_at": now, "created_at": now, "state": "expired"}
    store.add(Payment(reference=f"EV-{user.user_name}", connector=place.connectors[0], **payment))


@pytest.fixture(scope="module")
def url(engine_of_pages: Engine) -> Iterator[str]:
    with serving(engine_of_pages) as url:
        yield url


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(reduced_motion="reduce")
    context.add_init_script(AXE_SCRIPT)
    yield context
    context.close()


def violations(page: Page) -> list[str]:
    """What axe finds that is serious or critical: the rule, the element and the mend, a line each."""
    options = {"resultTypes": ["violations"], "runOnly": _RULES}
    found: dict[str, Any] = page.evaluate("asked => axe.run(...asked)", [_AROUND, options])
    return [
        f"{page.url}: {rule['id']}: {node['html'][:200]}: {node['failureSummary']}"
        for rule in found["violations"]
        if rule["impact"] in _SERIOUS
        for node in rule["nodes"]
        if not _is_streamlits_own(page, rule["id"], node["target"][0])
    ]


def _is_streamlits_own(page: Page, rule: str, target: str) -> bool:
    inside = "([target, id]) => !!document.querySelector(target)?.closest(`[data-testid=${id}]`)"
    return any(rule == known and page.evaluate(inside, [target, where]) for known, where in _STREAMLITS_OWN)


def in_both_themes(page: Page) -> list[str]:
    """A page changes its theme without being loaded anew.

    It is left in the other theme than it was found in: the next page changes back.
    """
    found = violations(page)
    before = page.evaluate(_GROUND)
    is_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    page.emulate_media(color_scheme="light" if is_dark else "dark")
    page.wait_for_function(f"before => {_GROUND} !== before", arg=before)
    return found + violations(page)


def look_at(page: Page, pages: Iterable[DashboardPage]) -> list[str]:
    found = []
    for each in pages:
        turn_to(page, each)
        found += in_both_themes(page) + _charts_without_words(page) + _named_alike(page)
    return found


def _named_alike(page: Page) -> list[str]:
    return [f"{page.url}: several are called {name}" for name in page.evaluate(_NAMED_ALIKE)]


def _charts_without_words(page: Page) -> list[str]:
    return [f"{page.url}: no words for {chart}" for chart in page.evaluate(_CHARTS_WITHOUT_WORDS)]


def _seen(colour: str, eye: tuple[tuple[float, ...], ...]) -> tuple[float, float, float]:
    """A colour in CIE Lab as an eye sees it that lacks one kind of cone."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    red, green, blue = (min(1, max(0, sum(a * b for a, b in zip(row, linear, strict=True)))) for row in eye)
    tristimulus = (
        (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505,
        0.2126 * red + 0.7152 * green + 0.0722 * blue,
        (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089,
    )
    x, y, z = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in tristimulus)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("theme", [1, 2])
@pytest.mark.parametrize("eye", _EYES)
def test_states_whose_colours_look_alike_to_the_colour_blind_differ_in_shape(eye: str, theme: int) -> None:
    style = STYLE_SHEET.read_text("utf-8")
    states = ("charging", "occupied", "available", "faulted", "offline", "other")
    colours, shapes = {}, {}
    for state in states:
        found = re.search(rf"--mm-{state}: light-dark\((#\w+), (#\w+)\)", style)
        assert found
        colours[state] = _seen(found[theme], _EYES[eye])
        own = re.search(rf"\.mm-dot\.mm-{state} {{(.*)}}", style)
        shapes[state] = own[1] if own else "round"
    alike = [
        pair
        for pair in combinations(states, 2)
        if dist(colours[pair[0]], colours[pair[1]]) < 15 and shapes[pair[0]] == shapes[pair[1]]
    ]
    assert alike == []


@pytest.mark.timeout(600)
def test_no_page_has_a_serious_violation_an_error_a_chart_without_words_or_two_buttons_named_alike(
    context: BrowserContext, url: str
) -> None:
    complaints = console_errors(context)
    page = fill_in_sign_in(context, url, "/sessions?session=1", "admin")
    await_all(page)
    found = in_both_themes(page) + _charts_without_words(page)
    page.goto(f"{url}/stations?station=1")
    await_all(page)
    found += in_both_themes(page) + _charts_without_words(page)
    found += look_at(page, [each for each in PAGES if each.readers != OWNERS])
    context.clear_cookies()
    page.close()
    owners = fill_in_sign_in(context, url, "/statements", "selam")
    found += look_at(owners, [each for each in PAGES if each.readers != ADMINS])
    assert found + complaints == []


def test_the_forms_of_the_gate_have_none_either(context: BrowserContext, url: str) -> None:
    page = context.new_page()
    page.goto(f"{url}/login")
    found = in_both_themes(page)
    page.goto(f"{url}/logout")
    assert found + in_both_themes(page) == []


def test_the_phones_page_at_a_code_has_none_either(context: BrowserContext, engine: Engine) -> None:
    with running_receiver(engine) as receiver:
        with writing(engine) as store:
            connector = store.scalars(select(OCPPConnector)).first()
            assert connector
            code = Label.of(connector, receiver.url, token_of(store, connector, utc_now())).url
        page = context.new_page()
        page.goto(code)
        assert in_both_themes(page) == []


def test_after_a_dialog_the_focus_is_where_it_was_or_near_where_that_was(
    context: BrowserContext, url: str
) -> None:
    page = fill_in_sign_in(context, url, "/my-access", "selam")
    await_all(page)
    revoke = page.locator('[class*="st-key-revoke-"] button')
    for name in ("Cancel", "Revoke token"):
        revoke.press("Enter")
        page.get_by_role("dialog").get_by_role("button", name=name, exact=True).press("Enter")
        expect(page.get_by_role("dialog")).to_be_hidden()
        if name == "Cancel":
            expect(revoke).to_be_focused()
    expect(revoke).to_be_hidden()
    page.wait_for_function("() => document.activeElement.closest('.st-key-card-tokens')")


def test_a_drawer_that_a_row_opened_stays_closed_with_the_focus_beside_the_table(
    context: BrowserContext, url: str
) -> None:
    page = fill_in_sign_in(context, url, "/sessions", "selam")
    await_all(page)
    # What scrolls it lies over the canvas that draws it.
    table = page.locator(".st-key-widelist-sessions .dvn-scroller")
    table.click(position={"x": 200, "y": 56})
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.wait_for_function("() => document.activeElement.closest('.st-key-widelist-sessions')")
    await_all(page)
    expect(page.get_by_role("dialog")).to_be_hidden()


_SIDEWAYS = """() => [...document.querySelectorAll(".stMainBlockContainer *")]
  .filter((each) => each.checkVisibility() && each.clientWidth && each.scrollWidth > each.clientWidth + 1)
  .filter((each) => /auto|scroll/.test(getComputedStyle(each).overflowX)).map((each) => each.className)"""


def test_no_list_is_scrolled_sideways_on_a_phone(context: BrowserContext, url: str) -> None:
    page = fill_in_sign_in(context, url, "/sessions", "admin")
    page.set_viewport_size({"width": 390, "height": 844})
    for path in ("sessions", "audit_log"):
        page.goto(f"{url}/{path}")
        expect(page.locator('[class*="st-key-narrowlist-"]').first).to_be_visible()
        assert page.locator('[class*="st-key-widelist-"]').count() == 0
        assert page.evaluate(_SIDEWAYS) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
