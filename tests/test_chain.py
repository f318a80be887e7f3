"""The whole way, with every process real: from a charge point's frame to the page, and from a button back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import browsing, fill_in_sign_in
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from benchmarks import chain
from benchmarks.stack import Stack
from dashboard import formats
from db import audit
from db.engine import reading
from db.models import ChargingSession
from management import demo
from management.charging_test import IntegrationTest

SLOW = 60_000  # milliseconds that a real charge point may take


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The product with the demo's first station, which charges only when it is told to."""
    folder = tmp_path_factory.mktemp("chain")
    quick = {"METER_INTERVAL": "1", "SYNC_SCHEDULE": "2"}
    with Stack(folder, quick) as stack:
        demo.create(stack.engine, stack.settings, days=0)
        stack.start("backend", "receiver", "jobs", "dashboard")
        stack.start("simulator", arguments=("--idle", "--stations", "1", "--memory", str(folder / "memory")))
        yield stack


@pytest.fixture
def browser() -> Iterator[Browser]:
    """One for each test: while there is one, nothing else may run an event loop, as the others here do."""
    with browsing() as browser:
        yield browser


@pytest.fixture
def page(stack: Stack, browser: Browser) -> Iterator[Page]:
    """A browser's page, signed in as the admin."""
    password = stack.settings.demo_password
    assert password is not None
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    page = fill_in_sign_in(
        context,
        stack.settings.dashboard_url,
        user_name="admin",
        password=password.get_secret_value(),
    )
    expect(page.get_by_role("heading", name="Overview")).to_be_visible(timeout=SLOW)
    yield page
    context.close()


def _overview_until(page: Page, url: str, wanted: dict[str, str]) -> dict[str, str]:
    """What the Overview's cards say in full, opened again until it is `wanted` or a minute has passed."""
    deadline = time.monotonic() + SLOW / 1000
    while True:
        page.goto(f"{url}/")
        cards = {name: page.get_by_label(name, exact=True).locator(".mm-kpi-value") for name in wanted}
        shown = {name: card.get_attribute("title", timeout=SLOW) or "" for name, card in cards.items()}
        if shown == wanted or time.monotonic() > deadline:
            return shown


def _only_session(stack: Stack) -> ChargingSession:
    with reading(stack.engine) as store:
        return store.scalars(select(ChargingSession).order_by(ChargingSession.id.desc()).limit(1)).one()


def test_a_charge_started_and_stopped_in_the_browser_is_on_the_overview_to_the_watt_hour(
    stack: Stack, page: Page
) -> None:
    page.goto(f"{stack.settings.dashboard_url}/live")
    page.get_by_role("button", name="Start").first.click(timeout=SLOW)
    page.get_by_role("button", name="Start charging").click()
    expect(page.get_by_text("Accepted by the charge point")).to_be_visible(timeout=SLOW)
    expect(page.locator("li.mm-done", has_text="The meter moves")).to_be_visible(timeout=SLOW)
    page.get_by_role("dialog").get_by_role("button", name="Close").last.click()

    page.get_by_role("button", name="Stop").first.click(timeout=SLOW)
    page.get_by_role("button", name="Stop charging").click()
    expect(page.locator("li.mm-done", has_text="Session ended")).to_be_visible(timeout=SLOW)

    session = _only_session(stack)
    assert session.status == "completed"
    assert session.stop_reason == "Remote"
    assert session.energy_wh is not None and session.energy_wh > 0
    assert session.meter_start is not None and session.meter_stop is not None
    assert session.energy_wh == session.meter_stop - session.meter_start
    assert session.cost is not None and session.tariff_id is not None

    exact = {
        "Energy": formats.exact_energy(session.energy_wh),
        "Revenue": formats.exact_money(session.cost, "ETB"),
    }
    assert _overview_until(page, stack.settings.dashboard_url, exact) == exact


def test_a_reset_in_the_browser_is_followed_until_the_charge_point_has_booted_again(
    stack: Stack, page: Page
) -> None:
    page.goto(f"{stack.settings.dashboard_url}/live")
    page.get_by_role("button", name="Manage").first.click(timeout=SLOW)
    page.get_by_role("button", name="Hard reset").click(timeout=SLOW)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("The charge point restarts at once", timeout=SLOW)
    dialog.get_by_role("button", name="Hard reset").click()
    expect(dialog.locator("li.mm-done", has_text="Restarted, and back online")).to_be_visible(timeout=SLOW)
    page.reload()
    expect(dialog.locator("li.mm-done", has_text="Restarted, and back online")).to_be_visible(timeout=SLOW)
    with reading(stack.engine) as store:
        (entry, *_) = audit.newest(store, limit=1)
    assert (entry.user_name, entry.action) == ("admin", "hard reset")


def test_the_integration_test_charges_for_real_and_tells_energy_and_cost(stack: Stack) -> None:
    said: list[str] = []
    IntegrationTest(stack.settings, stack.engine, said.append, charge_seconds=3).charge()
    session = _only_session(stack)
    assert said[-1] == f"Energy: {session.energy_consumed_kwh} kWh. Cost: {session.cost} ETB."


def test_a_receiver_that_is_killed_under_load_and_started_again_misses_nothing_and_counts_nothing_twice() -> (
    None
):
    result = chain.main(["--stations", "10", "--seconds", "12", "--every", "0.5", "--outage", "4"])
    assert result["values"] > 100
    assert result["lost"] == 0


def test_what_the_jobs_did_not_apply_before_they_were_killed_they_apply_after(tmp_path: Path) -> None:
    with Stack(tmp_path, chain.OPEN_DOOR) as stack:
        names = chain.add_stations(stack, 1)
        stack.start("backend", "receiver", "jobs")
        chain.wait_until_synced(stack, names[0])
        stack.kill("jobs")
        chain.charge_once(stack, names[0], values=5)
        with reading(stack.engine) as store:
            assert store.scalar(select(ChargingSession.id)) is None
        stack.start("jobs")
        assert chain.wait_for_energy(stack, names[0]) == 5 * chain.STEP_WH
