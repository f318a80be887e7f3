"""The Access pages for a given user and store: who sees what, and what each button changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from dashboard_pages import OpenPage, opening_pages, text_of
from factories import PASSWORD, add_owner, add_user
from sqlalchemy import Engine, select
from streamlit.testing.v1 import AppTest

from dashboard import resources
from dashboard.access import orders
from dashboard.access.orders import NewUser
from dashboard.visitor import NotForYou, Visitor
from db import accounts
from db.access import AccessError, api_token, authenticate
from db.analytics.scope import Scope
from db.engine import reading, writing
from db.models import ApiToken, AuditEntry, User, utc_now
from settings import Settings, load


@pytest.fixture
def settings() -> Settings:
    return load(None)


@pytest.fixture
def open_page(world: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenPage]:
    with opening_pages(world, settings, monkeypatch) as opening:
        yield opening


@pytest.fixture
def world(engine: Engine) -> Engine:
    """An admin, an owner's user selam with one token, and another owner's user dawit with one."""
    with writing(engine) as store:
        add_user(store, "admin")
        for name, owner in (("selam", "Addis Charge"), ("dawit", "Rift Energy")):
            user = add_user(store, name, "owner", add_owner(store, owner))
            accounts.create_token(
                store, None, user, name=f"export of {owner}", expires_at=utc_now() + timedelta(days=60)
            )
    return engine


def _press(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click().run()
    assert not page.exception, page.exception
    return page


def _tokens(engine: Engine) -> dict[str, ApiToken]:
    with reading(engine) as store:
        return {token.name: token for token in store.scalars(select(ApiToken))}


def _actions(engine: Engine) -> list[tuple[str, str]]:
    with reading(engine) as store:
        rows = store.scalars(select(AuditEntry).where(AuditEntry.user_name != "").order_by(AuditEntry.id))
        return [(row.user_name, row.action) for row in rows]


def test_an_admin_sees_all_tokens_and_users(open_page: OpenPage) -> None:
    told = text_of(open_page("admin", "access"))
    for expected in (
        "export of Addis Charge",
        "export of Rift Energy",
        "Users",
        "dawit · Owner · Rift Energy",
    ):
        assert expected in told


def test_an_owner_sees_its_own_tokens_and_nothing_else(open_page: OpenPage) -> None:
    told = text_of(open_page("selam", "own_access"))
    assert "export of Addis Charge" in told
    assert [other for other in ("Rift", "dawit", "Users") if other in told] == []


def test_the_admins_page_does_not_exist_for_an_owner(open_page: OpenPage) -> None:
    page = open_page("selam")
    with pytest.raises(ValueError, match="navigation page"):
        page.switch_page("views/access.py")


def test_a_token_is_created_once_and_shown_once(world: Engine, open_page: OpenPage) -> None:
    page = _press(open_page("selam", "own_access"), "new-token")
    page.text_input(key="access-name").set_value("Till")
    _press(page, "access-confirm")
    (shown,) = (code.value for code in page.code)
    with reading(world) as store:
        found = api_token(store, shown, utc_now())
        assert found is not None and (found.user.user_name, found.name) == ("selam", "Till")
    page.run()
    _press(page, "access-copied")
    assert shown not in str([element.value for element in page.code])
    assert (len(_tokens(world)), _actions(world)) == (3, [("selam", "create token")])


def test_an_admin_creates_a_token_for_somebody_else(world: Engine, open_page: OpenPage) -> None:
    page = _press(open_page("admin", "access"), "new-token")
    with reading(world) as store:
        dawit = accounts.find_user(store, "dawit")
    page.selectbox(key="access-user").set_value(dawit.id)
    page.text_input(key="access-name").set_value("For Dawit")
    page.selectbox(key="access-lifetime").set_value("No end")
    _press(page, "access-confirm")
    made = _tokens(world)["For Dawit"]
    assert (made.user_id, made.expires_at, _actions(world)) == (dawit.id, None, [("admin", "create token")])


def test_a_token_is_revoked_after_one_question(world: Engine, open_page: OpenPage) -> None:
    token = _tokens(world)["export of Addis Charge"]
    page = _press(open_page("selam", "own_access"), f"revoke-{token.id}")
    assert _tokens(world)["export of Addis Charge"].revoked_at is None
    _press(page, "access-confirm")
    assert _tokens(world)["export of Addis Charge"].revoked_at is not None
    assert _actions(world) == [("selam", "revoke token")]
    assert "No active tokens" in text_of(page)


def test_a_question_that_is_cancelled_changes_nothing(world: Engine, open_page: OpenPage) -> None:
    token = _tokens(world)["export of Addis Charge"]
    page = _press(open_page("selam", "own_access"), f"revoke-{token.id}")
    _press(page, "access-cancel")
    assert (_tokens(world)["export of Addis Charge"].revoked_at, _actions(world)) == (None, [])


def test_a_user_is_created_and_can_sign_in(world: Engine, open_page: OpenPage) -> None:
    page = _press(open_page("admin", "access"), "new-user")
    page.text_input(key="access-user_name").set_value("hana")
    page.text_input(key="access-password").set_value(PASSWORD)
    page.selectbox(key="access-owner").set_value("Rift Energy")
    _press(page, "access-confirm")
    with reading(world) as store:
        hana = authenticate(store, "hana", PASSWORD)
        assert hana is not None and hana.owner is not None and hana.owner.name == "Rift Energy"
    assert ("hana · Owner · Rift Energy" in text_of(page), _actions(world)) == (
        True,
        [("admin", "create user")],
    )


def test_a_user_that_cannot_be_made_says_why_and_the_form_stays(world: Engine, open_page: OpenPage) -> None:
    page = _press(open_page("admin", "access"), "new-user")
    _press(page, "access-confirm")
    assert "needs a name" in text_of(page)
    page.text_input(key="access-user_name").set_value("selam")
    page.text_input(key="access-password").set_value("short")
    page.selectbox(key="access-role").set_value("driver")
    _press(page, "access-confirm")
    assert "exists already" in text_of(page)
    assert page.text_input(key="access-user_name").value == "selam"
    assert _actions(world) == []


def test_a_deactivated_user_is_out_at_once(world: Engine, open_page: OpenPage) -> None:
    with reading(world) as store:
        dawit = accounts.find_user(store, "dawit")
    page = _press(open_page("admin", "access"), f"deactivate-{dawit.id}")
    assert "its token is revoked" in text_of(page)
    _press(page, "access-confirm")
    with reading(world) as store:
        assert authenticate(store, "dawit", PASSWORD) is None
    assert _tokens(world)["export of Rift Energy"].revoked_at is not None
    assert _actions(world) == [("admin", "deactivate user")]


def test_a_deactivated_user_is_let_in_again(world: Engine, open_page: OpenPage) -> None:
    with writing(world) as store:
        dawit = accounts.find_user(store, "dawit")
        accounts.deactivate_user(store, None, dawit, utc_now())
    page = _press(open_page("admin", "access"), f"activate-{dawit.id}")
    assert "tokens stay revoked" in text_of(page)
    _press(page, "access-confirm")
    with reading(world) as store:
        assert authenticate(store, "dawit", PASSWORD) is not None


def test_nobody_is_offered_to_deactivate_themselves(world: Engine, open_page: OpenPage) -> None:
    with reading(world) as store:
        admin = accounts.find_user(store, "admin")
    page = open_page("admin", "access")
    assert f"deactivate-{admin.id}" not in {button.key for button in page.button}


@pytest.mark.parametrize("is_allowed", [True, False])
def test_unsigned_webhooks_are_warned_of(
    open_page: OpenPage,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    is_allowed: bool,
) -> None:
    changed = settings.model_copy(update={"webhook_allow_unsigned": is_allowed})
    monkeypatch.setattr(resources, "settings", lambda: changed)
    warnings = [warning.value for warning in open_page("admin", "access").warning]
    assert any("WEBHOOK_ALLOW_UNSIGNED" in warning for warning in warnings) is is_allowed


def test_names_are_shown_as_they_are_and_never_as_html(world: Engine, open_page: OpenPage) -> None:
    with writing(world) as store:
        selam = accounts.find_user(store, "selam")
        accounts.create_token(store, None, selam, name="<img src=x>", expires_at=None)
    page = open_page("admin", "access")
    bodies = "".join(element.proto.body for element in page.get("html"))
    assert ("<img" in bodies, "<img src=x>" in text_of(page)) == (False, True)


def test_an_old_list_of_tokens_is_shown_page_by_page(world: Engine, open_page: OpenPage) -> None:
    with writing(world) as store:
        selam = accounts.find_user(store, "selam")
        for number in range(25):
            accounts.create_token(store, None, selam, name=f"token {number}", expires_at=None)
    told = text_of(open_page("selam", "own_access"))
    assert ("token 24" in told, "token 3 " in told) == (True, False)


# What a page does not offer cannot be done by other ways either.


def _visitor(engine: Engine, name: str) -> Visitor:
    with reading(engine) as store:
        user = accounts.find_user(store, name)
        _ = user.owner
    return Visitor(user, Scope.of(user))


@pytest.mark.parametrize(
    "attempt",
    [
        lambda who, other: orders.create_token(who, user_id=other.id, name="", days=1),
        lambda who, other: orders.deactivate_user(who, other.id),
        lambda who, other: orders.activate_user(who, other.id),
        lambda who, _other: orders.create_user(who, NewUser("x", "", "admin", "", PASSWORD)),
        lambda who, _other: orders.users(who),
        lambda who, _other: orders.owners(who),
    ],
)
@pytest.mark.usefixtures("open_page")
def test_an_owner_changes_and_sees_nobody_else(
    world: Engine, attempt: Callable[[Visitor, User], object]
) -> None:
    with pytest.raises(NotForYou):
        attempt(_visitor(world, "selam"), _visitor(world, "dawit").user)
    assert _actions(world) == []


@pytest.mark.usefixtures("open_page")
def test_an_owner_cannot_revoke_the_token_of_another(world: Engine) -> None:
    token = _tokens(world)["export of Rift Energy"]
    with pytest.raises(AccessError):
        orders.revoke_token(_visitor(world, "selam"), token.id)
    assert _tokens(world)["export of Rift Energy"].revoked_at is None
