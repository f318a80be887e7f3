"""Access in a real browser: a token is made, used and revoked; an owner does not reach the admin's page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser import fill_in_sign_in
from dashboard_server import serving
from factories import add_owner, add_user, make_store
from playwright.sync_api import BrowserContext, expect
from sqlalchemy import Engine, func, select

from db.access import api_token
from db.engine import reading, writing
from db.models import ApiToken, AuditEntry, utc_now


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    engine = make_store(tmp_path_factory.mktemp("access"))
    with writing(engine) as store:
        add_user(store, "admin")
        add_user(store, "selam", "owner", add_owner(store))
    return engine


@pytest.fixture(scope="module")
def url(engine: Engine) -> Iterator[str]:
    with serving(engine) as url:
        yield url


def _works(engine: Engine, token: str) -> bool:
    with reading(engine) as store:
        return api_token(store, token, utc_now()) is not None


def test_a_token_is_made_by_two_clicks_once_works_and_is_revoked(
    context: BrowserContext, url: str, engine: Engine
) -> None:
    page = fill_in_sign_in(context, url, "/access", "admin")
    page.get_by_role("button", name="New token").click()
    page.get_by_label("What it is for").fill("Billing export")
    page.get_by_role("button", name="Create token").dblclick()
    shown = page.get_by_role("dialog").locator("code.language-plaintext")
    expect(shown).to_be_visible()
    token = shown.inner_text().strip()
    assert _works(engine, token)
    with reading(engine) as store:
        assert store.scalar(select(func.count()).select_from(ApiToken)) == 1

    page.get_by_role("button", name="I have copied it").click()
    row = page.locator(".mm-row", has_text="Billing export")
    expect(row).to_contain_text("Never")
    expect(page.get_by_text(token)).to_have_count(0)

    page.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke token").click()
    expect(row).to_have_count(0)
    assert not _works(engine, token)
    with reading(engine) as store:
        told = list(store.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))
    assert told == ["create token", "revoke token"]


def test_an_owner_neither_sees_nor_reaches_the_page_of_admins(context: BrowserContext, url: str) -> None:
    page = fill_in_sign_in(context, url, "/access", "selam")
    expect(page.get_by_role("heading")).to_have_text("There is no such page")
    page.get_by_role("link", name="Go to the overview").click()
    expect(page.locator(".mm-title h1")).to_have_text("Overview")
    expect(page.get_by_text("Admin", exact=True)).to_have_count(0)


def test_an_owner_reaches_its_own_tokens(context: BrowserContext, url: str) -> None:
    page = fill_in_sign_in(context, url, "/my-access", "selam")
    expect(page.get_by_text("No active tokens")).to_be_visible()
