"""An outage is excluded in a real browser, by an admin: the figures change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from browser import fill_in_sign_in
from dashboard_server import serving
from factories import add_owner, add_station, add_status, add_user, make_store
from playwright.sync_api import BrowserContext, expect
from sqlalchemy import select

from db.engine import reading, writing
from db.models import AuditEntry, OutageExclusion


def test_an_exclusion_that_an_admin_enters_changes_the_numbers_and_is_entered_once(
    context: BrowserContext, tmp_path: Path
) -> None:
    engine = make_store(tmp_path)
    since = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    with writing(engine) as store:
        add_user(store, "admin")
        connector = add_station(store, add_owner(store), connectors=1).connectors[0]
        # Down for three hours now, the last full one of which is what the form suggests.
        add_status(store, connector, "available", since - timedelta(hours=100), since - timedelta(hours=3))
        add_status(store, connector, "faulted", since - timedelta(hours=3))
    with serving(engine) as url:
        page = fill_in_sign_in(context, url, "/availability", "admin")
        nevi = page.get_by_label("NEVI, each port")
        expect(nevi).to_contain_text("nothing excluded")
        before = nevi.locator(".mm-kpi-value").inner_text()

        page.get_by_role("button", name="Exclude outages").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("combobox", name="Station").click()
        page.get_by_role("option", name="Bole Road").click()
        dialog.get_by_label("Notes").fill("Ticket 7")
        dialog.get_by_role("button", name="Review").click()
        expect(dialog).to_contain_text("all connectors")
        dialog.get_by_role("button", name="Exclude", exact=True).dblclick()

        expect(nevi).to_contain_text("1 h excluded")
        assert nevi.locator(".mm-kpi-value").inner_text() > before
        expect(page.locator(".mm-row", has_text="Scheduled maintenance · Ticket 7")).to_be_visible()
    with reading(engine) as store:
        assert len(store.scalars(select(OutageExclusion)).all()) == 1
        told = store.scalars(select(AuditEntry.action).where(AuditEntry.user_name == "admin")).all()
    assert told == ["exclude outages"]
