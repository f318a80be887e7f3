"""Users and tokens: who may come in, who may no more, and what is written down of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from factories import PASSWORD, add_owner, add_user
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from db import accounts
from db.access import AccessError, api_token, authenticate, hash_token, live_session, sign_in
from db.engine import reading, writing
from db.models import ApiToken, AuditEntry, SignInFailure, User

NOW = datetime(2026, 3, 4, 8, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def people(engine: Engine) -> Engine:
    """An admin called admin, and an owner's user called selam."""
    with writing(engine) as store:
        add_user(store, "admin")
        add_user(store, "selam", "owner", add_owner(store))
    return engine


def _user(store: Session, name: str) -> User:
    return accounts.find_user(store, name)


def _token(engine: Engine, user_name: str = "selam", *, days: int | None = 1) -> str:
    with writing(engine) as store:
        return accounts.create_token(
            store,
            _user(store, "admin"),
            _user(store, user_name),
            name="export",
            expires_at=NOW + days * DAY if days is not None else None,
        )


def _audit(engine: Engine) -> list[tuple[str, str, str, dict[str, str]]]:
    with reading(engine) as store:
        rows = store.scalars(select(AuditEntry).order_by(AuditEntry.id))
        return [(row.user_name, row.action, row.subject, row.details) for row in rows]


def _is_let_in(engine: Engine, token: str, at: datetime = NOW) -> bool:
    with reading(engine) as store:
        return api_token(store, token, at) is not None


def test_a_token_is_let_in_until_it_expires(people: Engine) -> None:
    token = _token(people)
    assert [_is_let_in(people, token, at) for at in (NOW, NOW + DAY)] == [True, False]


def test_a_revoked_token_is_refused_at_once(people: Engine) -> None:
    token = _token(people, days=None)
    with writing(people) as store:
        (row,) = accounts.list_tokens(store, NOW)
        accounts.revoke_token(store, None, row.id, NOW)
    assert not _is_let_in(people, token)


def test_the_token_of_a_deactivated_user_is_refused_at_once(people: Engine) -> None:
    token = _token(people, days=None)
    with writing(people) as store:
        accounts.deactivate_user(store, None, _user(store, "selam"), NOW)
    assert not _is_let_in(people, token)


def test_a_deactivated_user_is_signed_out_and_cannot_sign_in(people: Engine) -> None:
    with writing(people) as store:
        session = sign_in(store, _user(store, "selam"), NOW, DAY)
        accounts.deactivate_user(store, None, _user(store, "selam"), NOW)
    with reading(people) as store:
        assert live_session(store, session, NOW) is None
        assert authenticate(store, "selam", PASSWORD) is None


def test_a_user_who_is_activated_again_signs_in_as_before_without_the_tokens_of_before(
    people: Engine,
) -> None:
    token = _token(people, days=None)
    with writing(people) as store:
        selam = _user(store, "selam")
        accounts.deactivate_user(store, None, selam, NOW)
        for _ in range(2):
            accounts.activate_user(store, _user(store, "admin"), selam)
    with reading(people) as store:
        assert authenticate(store, "selam", PASSWORD) is not None
    assert not _is_let_in(people, token)
    assert [entry for entry in _audit(people) if entry[1] == "activate user"] == [
        ("admin", "activate user", "selam", {})
    ]


def test_a_new_password_replaces_the_old_one_and_ends_what_was_signed_in_with_it(people: Engine) -> None:
    with writing(people) as store:
        session = sign_in(store, _user(store, "selam"), NOW, DAY)
        accounts.set_password(store, None, _user(store, "selam"), "another long password")
    with reading(people) as store:
        assert authenticate(store, "selam", PASSWORD) is None
        assert authenticate(store, "selam", "another long password") is not None
        assert live_session(store, session, NOW) is None


def test_a_new_password_ends_the_lockout_of_its_account_only(people: Engine) -> None:
    with writing(people) as store:
        store.add_all(SignInFailure(account=name, address="::1", at=NOW) for name in ("selam", "admin"))
        accounts.set_password(store, None, _user(store, "selam"), "another long password")
    with reading(people) as store:
        assert list(store.scalars(select(SignInFailure.account))) == ["admin"]


def test_a_short_password_changes_nothing(people: Engine) -> None:
    with pytest.raises(AccessError), writing(people) as store:
        accounts.set_password(store, None, _user(store, "selam"), "short")
    with reading(people) as store:
        assert authenticate(store, "selam", PASSWORD) is not None


def test_nobody_deactivates_themselves(people: Engine) -> None:
    with writing(people) as store:
        add_user(store, "second")
    with pytest.raises(AccessError), writing(people) as store:
        admin = _user(store, "admin")
        accounts.deactivate_user(store, admin, admin, NOW)


def test_the_last_admin_stays(people: Engine) -> None:
    with pytest.raises(AccessError, match="last admin"), writing(people) as store:
        accounts.deactivate_user(store, None, _user(store, "admin"), NOW)


def test_one_of_two_admins_may_go(people: Engine) -> None:
    with writing(people) as store:
        add_user(store, "second")
        accounts.deactivate_user(store, None, _user(store, "admin"), NOW)
    with reading(people) as store:
        assert not _user(store, "admin").is_active


def test_a_deactivated_user_gets_no_token(people: Engine) -> None:
    with writing(people) as store:
        accounts.deactivate_user(store, None, _user(store, "selam"), NOW)
    with pytest.raises(AccessError):
        _token(people)


def test_a_token_of_somebody_else_is_not_there(people: Engine) -> None:
    _token(people, "admin")
    with pytest.raises(AccessError), writing(people) as store:
        (row,) = accounts.list_tokens(store, NOW)
        accounts.revoke_token(store, None, row.id, NOW, user_id=_user(store, "selam").id)


def test_tokens_are_listed_newest_first_with_their_state(people: Engine) -> None:
    _token(people, days=None)
    _token(people, "admin", days=0)
    with writing(people) as store:
        accounts.revoke_token(store, None, accounts.list_tokens(store, NOW)[-1].id, NOW)
    _token(people)
    with reading(people) as store:
        listed = accounts.list_tokens(store, NOW)
        active = accounts.list_tokens(store, NOW, active_only=True)
        own = accounts.list_tokens(store, NOW, user_id=_user(store, "admin").id)
    assert [(row.user_name, row.state) for row in listed] == [
        ("selam", "active"),
        ("admin", "expired"),
        ("selam", "revoked"),
    ]
    assert [row.id for row in active] == [listed[0].id]
    assert [row.id for row in own] == [listed[1].id]


def test_a_page_of_tokens_is_counted_and_cut(people: Engine) -> None:
    for _ in range(3):
        _token(people)
    with reading(people) as store:
        assert accounts.count_tokens(store, NOW, active_only=True) == 3
        assert len(accounts.list_tokens(store, NOW, limit=2, offset=2)) == 1


def test_users_are_listed_with_their_owner_tokens_and_sign_in(people: Engine) -> None:
    _token(people)
    with writing(people) as store:
        sign_in(store, _user(store, "selam"), NOW, DAY)
    with reading(people) as store:
        admin, selam = accounts.list_users(store, NOW)
    assert (admin.user_name, admin.role, admin.owner, admin.tokens) == ("admin", "admin", "", 0)
    assert (selam.owner, selam.tokens, selam.signed_in_at is not None) == ("Addis Charge", 1, True)


def test_every_change_is_written_down_with_who_made_it(people: Engine) -> None:
    _token(people)
    with writing(people) as store:
        admin, selam = _user(store, "admin"), _user(store, "selam")
        (row,) = accounts.list_tokens(store, NOW)
        accounts.revoke_token(store, admin, row.id, NOW)
        accounts.set_password(store, admin, selam, "another long password")
        accounts.deactivate_user(store, admin, selam, NOW)
        accounts.create_user(
            store, None, user_name="new", role="owner", password=PASSWORD, name="", owner="Rift"
        )
    assert _audit(people) == [
        ("admin", "create token", "export of selam", {"expires": "2026-03-05T08:00:00+00:00"}),
        ("admin", "revoke token", "export of selam", {}),
        ("admin", "set password", "selam", {}),
        ("admin", "deactivate user", "selam", {"tokens revoked": "0"}),
        ("", "create user", "new", {"role": "owner", "owner": "Rift"}),
    ]


def test_what_changes_nothing_is_not_written_down(people: Engine) -> None:
    _token(people)
    with writing(people) as store:
        (row,) = accounts.list_tokens(store, NOW)
        selam = _user(store, "selam")
        for _ in range(2):
            accounts.revoke_token(store, None, row.id, NOW)
            accounts.deactivate_user(store, None, selam, NOW)
    actions = [action for _, action, _, _ in _audit(people)]
    assert actions == ["create token", "revoke token", "deactivate user"]


def test_what_is_refused_is_not_written_down(people: Engine) -> None:
    with pytest.raises(AccessError), writing(people) as store:
        accounts.create_user(store, None, user_name="x", role="owner", password="short", name="", owner="New")
    assert _audit(people) == []


def test_the_audit_log_holds_no_token_and_no_password(people: Engine) -> None:
    token = _token(people)
    with writing(people) as store:
        accounts.set_password(store, None, _user(store, "selam"), "another long password")
    told = str(_audit(people))
    assert [secret for secret in (token, hash_token(token), "another long", "scrypt") if secret in told] == []


@pytest.mark.parametrize("name", ["", "  ", "x" * 256])
def test_a_name_that_cannot_be_one_is_refused(people: Engine, name: str) -> None:
    with pytest.raises(AccessError), writing(people) as store:
        accounts.create_user(store, None, user_name=name, role="driver", password=PASSWORD, name="", owner="")


def test_a_token_is_kept_as_its_hash_only(people: Engine) -> None:
    token = _token(people)
    with reading(people) as store:
        assert store.scalars(select(ApiToken.token_hash)).one() == hash_token(token)
