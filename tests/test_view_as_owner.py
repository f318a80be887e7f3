"""An admin looks as an owner does: who may, what it may do then, and that it is on record."""

from __future__ import annotations

from datetime import timedelta

import pytest
from factories import PASSWORD, add_owner, add_user
from sqlalchemy import Engine

from dashboard import resources, visitor
from dashboard.access import orders
from dashboard.gate.signins import SignIns
from dashboard.visitor import NotForYou, Visitor
from db import audit
from db.access import AccessError
from db.engine import reading, writing
from settings import load


@pytest.fixture
def owner_id(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(resources, "engine", lambda: engine)
    monkeypatch.setattr(resources, "settings", lambda: load(None))
    monkeypatch.setattr(resources, "cookie_secret", lambda: "secret")
    with writing(engine) as store:
        owner, other = add_owner(store, "Addis Charge"), add_owner(store, "Rift Energy")
        add_user(store, "admin")
        add_user(store, "dawit", "owner", other)
        return owner.id


def sign_in(engine: Engine, monkeypatch: pytest.MonkeyPatch, user_name: str) -> None:
    sign_ins = SignIns(engine=engine, secret="secret", lasting=timedelta(hours=1))
    cookie = sign_ins.sign_in(user_name, PASSWORD, "test")
    monkeypatch.setattr(visitor, "session_cookie", lambda: cookie)


def look(owner_id: int | None) -> Visitor:
    visitor.look_as(owner_id)
    return visitor.visitor()


def test_an_admin_that_looks_as_an_owner_is_one_until_it_ends(
    engine: Engine, owner_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(engine, monkeypatch, "admin")
    there, back = look(owner_id), look(None)
    assert (there.user.role, there.scope.kind, there.scope.id, there.viewing_as) == (
        "owner",
        "owner",
        owner_id,
        "Addis Charge",
    )
    assert (back.user.role, back.scope.kind, back.viewing_as) == ("admin", "network", None)


def test_beginning_and_end_are_in_the_audit_log(
    engine: Engine, owner_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(engine, monkeypatch, "admin")
    for asked in (owner_id, owner_id, None, None):
        visitor.look_as(asked)
    with reading(engine) as store:
        entries = [(e.user_name, e.action, e.subject) for e in audit.newest(store, limit=9)]
    assert entries == [
        ("admin", "end view as owner", "Addis Charge"),
        ("admin", "view as owner", "Addis Charge"),
    ]


def test_an_owner_cannot_look_as_another(
    engine: Engine, owner_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(engine, monkeypatch, "dawit")
    assert look(owner_id).scope.id != owner_id
    with reading(engine) as store:
        assert audit.newest(store, limit=9) == []


def test_while_it_looks_as_an_owner_an_admin_makes_and_changes_nothing_of_its_own(
    engine: Engine, owner_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(engine, monkeypatch, "admin")
    who = look(owner_id)
    with pytest.raises(AccessError):
        orders.create_token(who, user_id=who.user.id, name="mine", days=None)
    with pytest.raises(NotForYou):
        orders.users(who)
    assert orders.tokens(who, active_only=False, page=1).rows == []


def test_what_it_orders_is_recorded_under_its_own_name(
    engine: Engine, owner_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(engine, monkeypatch, "admin")
    own = visitor.visitor().user.id
    assert look(owner_id).user.id == own
