"""What a visitor may change about users and tokens: its own tokens, an admin everything.

Pages and dialogs ask here; who may do what is decided anew for each change.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from dashboard import resources
from dashboard.visitor import Visitor
from db import accounts
from db.access import AccessError
from db.accounts import TokenRow, UserRow
from db.engine import reading, writing
from db.models import User, utc_now
from languages import N_, _

LIFETIMES = {N_("30 days"): 30, N_("90 days"): 90, N_("1 year"): 365, N_("No end"): None}
PAGE_SIZE = 20


@dataclass(frozen=True)
class NewUser:
    """What the form for a new user holds; `owner` is whose stations a user of that role sees."""

    user_name: str
    name: str
    role: str
    owner: str
    password: str
    email: str = ""


@dataclass(frozen=True)
class TokenPage:
    rows: list[TokenRow]
    pages: int
    total: int


def tokens(who: Visitor, *, active_only: bool, page: int) -> TokenPage:
    """A page of the tokens that the visitor may see: an admin all, others their own."""
    whose, now = _reach(who), utc_now()
    if who.viewing_as is not None:
        return TokenPage([], 1, 0)
    with reading(resources.engine()) as store:
        total = accounts.count_tokens(store, now, user_id=whose, active_only=active_only)
        pages = max(1, -(-total // PAGE_SIZE))
        rows = accounts.list_tokens(
            store,
            now,
            user_id=whose,
            active_only=active_only,
            limit=PAGE_SIZE,
            offset=(min(page, pages) - 1) * PAGE_SIZE,
        )
    return TokenPage(rows, pages, total)


def users(who: Visitor) -> list[UserRow]:
    """Every user. Raises `NotForYou` for anybody but an admin."""
    who.demand_admin()
    with reading(resources.engine()) as store:
        return accounts.list_users(store, utc_now())


def owners(who: Visitor) -> list[str]:
    """The names of all owners of stations. Raises `NotForYou` for anybody but an admin."""
    who.demand_admin()
    with reading(resources.engine()) as store:
        return accounts.list_owners(store)


def create_token(who: Visitor, *, user_id: UUID, name: str, days: int | None) -> str:
    """A new token, for the visitor or, by an admin, for anybody. Raises `AccessError`."""
    _demand_own_eyes(who)
    if user_id != who.user.id:
        who.demand_admin()
    with writing(resources.engine()) as store:
        expires_at = utc_now() + timedelta(days=days) if days else None
        user = _user(store, user_id)
        return accounts.create_token(store, who.user, user, name=name.strip(), expires_at=expires_at)


def revoke_token(who: Visitor, token_id: int) -> None:
    """Raises `AccessError` where the visitor has no such token."""
    _demand_own_eyes(who)
    with writing(resources.engine()) as store:
        accounts.revoke_token(store, who.user, token_id, utc_now(), user_id=_reach(who))


def create_user(who: Visitor, new: NewUser) -> None:
    """Raises `AccessError`."""
    who.demand_admin()
    with writing(resources.engine()) as store:
        accounts.create_user(
            store,
            who.user,
            user_name=new.user_name.strip(),
            role=new.role,
            password=new.password,
            name=new.name.strip(),
            owner=new.owner.strip() if new.role == "owner" else "",
            email=new.email,
        )


def end_sessions(who: Visitor, user_id: UUID) -> None:
    """Raises `AccessError`."""
    who.demand_admin()
    with writing(resources.engine()) as store:
        accounts.end_sessions(store, who.user, _user(store, user_id))


def deactivate_user(who: Visitor, user_id: UUID) -> None:
    """Raises `AccessError`."""
    who.demand_admin()
    with writing(resources.engine()) as store:
        accounts.deactivate_user(store, who.user, _user(store, user_id), utc_now())


def activate_user(who: Visitor, user_id: UUID) -> None:
    """Raises `AccessError`."""
    who.demand_admin()
    with writing(resources.engine()) as store:
        accounts.activate_user(store, who.user, _user(store, user_id))


def _user(store: Session, user_id: UUID) -> User:
    user = store.get(User, user_id)
    if user is None:
        raise AccessError(_("This user does not exist."))
    return user


def _reach(who: Visitor) -> UUID | None:
    """Whose tokens the visitor may see and revoke; None is everybody's."""
    return None if who.is_admin else who.user.id


def _demand_own_eyes(who: Visitor) -> None:
    """A token acts for a person: an admin's would let in more than the owner it looks as may."""
    if who.viewing_as is not None:
        raise AccessError(_("End the view as an owner first."))
