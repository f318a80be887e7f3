"""What people change about users and tokens, and the lists of both.

Each change leaves its audit row in the same transaction. `by` is the user who makes it, None at the command
line; whether that user may is for the caller to know.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from db import access, audit
from db.access import AccessError
from db.models import ApiToken, SignIn, StationOwner, User

MAX_NAME_LENGTH = 255
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


@dataclass(frozen=True)
class TokenRow:
    """A token of the REST API. `state` is active, expired, revoked or deactivated (its user was)."""

    id: int
    name: str
    user_name: str
    role: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    state: str


@dataclass(frozen=True)
class UserRow:
    """A user; `owner` is whose stations an owner sees, `tokens` how many of its tokens are active."""

    id: UUID
    user_name: str
    name: str
    role: str
    owner: str
    is_active: bool
    created_at: datetime
    signed_in_at: datetime | None
    tokens: int


def list_tokens(
    store: Session,
    now: datetime,
    *,
    user_id: UUID | None = None,
    active_only: bool = False,
    limit: int = 1000,
    offset: int = 0,
) -> list[TokenRow]:
    """Tokens, the newest first; of one user, or (None) of all."""
    rows = store.execute(
        select(ApiToken, User)
        .join(User)
        .where(*_wanted(now, user_id, active_only))
        .order_by(ApiToken.id.desc())
        .limit(limit)
        .offset(offset)
    )
    return [_token_row(token, user, now) for token, user in rows]


def count_tokens(
    store: Session, now: datetime, *, user_id: UUID | None = None, active_only: bool = False
) -> int:
    wanted = select(func.count()).select_from(ApiToken).join(User)
    return store.scalar(wanted.where(*_wanted(now, user_id, active_only))) or 0


def list_users(store: Session, now: datetime) -> list[UserRow]:
    """Every user, those who may come in first, by name."""
    tokens = (
        select(func.count())
        .select_from(ApiToken)
        .where(ApiToken.user_id == User.id, _is_active(now))
        .correlate(User)
        .scalar_subquery()
    )
    signed_in = (
        select(func.max(SignIn.created_at)).where(SignIn.user_id == User.id).correlate(User).scalar_subquery()
    )
    rows = store.execute(
        select(User, StationOwner.name, tokens, signed_in)
        .outerjoin(StationOwner, User.owner_id == StationOwner.id)
        .order_by(User.is_active.desc(), User.user_name)
    )
    return [
        UserRow(
            id=user.id,
            user_name=user.user_name,
            name=user.name,
            role=user.role,
            owner=owner or "",
            is_active=user.is_active,
            created_at=user.created_at,
            signed_in_at=signed_in_at,
            tokens=count,
        )
        for user, owner, count, signed_in_at in rows
    ]


def list_owners(store: Session) -> list[str]:
    """The names of all owners of stations."""
    return list(store.scalars(select(StationOwner.name).order_by(StationOwner.name)))


def find_user(store: Session, user_name: str) -> User:
    """The user of this name. Raises `AccessError`."""
    user = store.scalar(select(User).where(User.user_name == user_name))
    if user is None:
        raise AccessError(f"no user is called {user_name}; make one with create-user")
    return user


def find_admin(store: Session, user_name: str, *, to: str) -> User:
    """The same of an admin, who is wanted `to` do what nobody else may."""
    user = find_user(store, user_name)
    if user.role != "admin" or not user.is_active:
        raise AccessError(f"{user_name} is no admin: only one can {to}")
    return user


def find_or_make_owner(store: Session, name: str) -> StationOwner:
    owner = store.scalar(select(StationOwner).where(StationOwner.name == name))
    if owner is None:
        owner = StationOwner(name=name)
        store.add(owner)
        store.flush()
    return owner


def create_user(
    store: Session,
    by: User | None,
    *,
    user_name: str,
    role: str,
    password: str | None,
    name: str,
    owner: str,
    email: str = "",
) -> User:
    """A user; the owner it belongs to is made where there is none of that name. Raises `AccessError`."""
    for value in (user_name, name, owner, email):
        _check_name(value)
    if not user_name.strip():
        raise AccessError("a user needs a name to sign in with")
    user = access.create_user(
        store,
        user_name=user_name,
        role=role,
        password=password,
        name=name,
        email=_free_email(store, email),
        owner=find_or_make_owner(store, owner) if owner else None,
    )
    audit.record(store, by, "create user", user_name, {"role": role} | ({"owner": owner} if owner else {}))
    return user


def set_email(store: Session, by: User | None, user: User, email: str) -> None:
    """The address by which an OpenID Connect provider's person is known as this user; empty for none.

    Whoever the user was there before is unlinked, and signed out. Raises `AccessError`.
    """
    _check_name(email)
    user.email = _free_email(store, email, besides=user)
    user.oidc_issuer = user.oidc_subject = None
    store.execute(delete(SignIn).where(SignIn.user_id == user.id))
    audit.record(store, by, "set email", user.user_name, {"email": user.email or ""})


def end_sessions(store: Session, by: User | None, user: User) -> int:
    """Sign a user out in every browser; how many sessions that ended."""
    ended = store.connection().execute(delete(SignIn).where(SignIn.user_id == user.id)).rowcount
    if ended:
        audit.record(store, by, "end sessions", user.user_name, {"sessions": str(ended)})
    return ended


def create_token(
    store: Session, by: User | None, user: User, *, name: str, expires_at: datetime | None
) -> str:
    """A new token for `user`, to be shown this once. Raises `AccessError` where the user may not come in."""
    _check_name(name)
    if not user.is_active:
        raise AccessError(f"{user.user_name} is deactivated; its tokens would be refused")
    token = access.create_api_token(store, user, name=name, expires_at=expires_at)
    until = expires_at.isoformat(timespec="seconds") if expires_at else "never"
    audit.record(store, by, "create token", _token_subject(name, user), {"expires": until})
    return token


def revoke_token(
    store: Session, by: User | None, token_id: int, now: datetime, *, user_id: UUID | None = None
) -> None:
    """Have a token refused from now on; `user_id` says whose it has to be. A second time changes nothing.

    Raises `AccessError` where there is no such token.
    """
    token = store.scalar(select(ApiToken).where(ApiToken.id == token_id, *_tokens_of(user_id)))
    if token is None:
        raise AccessError("there is no such token")
    if token.revoked_at is None:
        token.revoked_at = now
        audit.record(store, by, "revoke token", _token_subject(token.name, token.user), at=now)


def set_password(store: Session, by: User | None, user: User, password: str) -> None:
    """A new password; whoever signed in with the old one is signed out, and whoever tried too many wrong ones
    may try again. Raises `AccessError`.
    """
    user.password_hash = access.hash_password(password)
    access.forgive_failures(store, user.user_name)
    store.execute(delete(SignIn).where(SignIn.user_id == user.id))
    audit.record(store, by, "set password", user.user_name)


def deactivate_user(store: Session, by: User | None, user: User, now: datetime) -> None:
    """Let a user in no more: signed out everywhere, its tokens revoked. A second time changes nothing.

    Raises `AccessError` for oneself, and for the last admin: nobody could undo it.
    """
    if by is not None and by.id == user.id:
        raise AccessError("nobody can deactivate themselves; another admin can")
    if not user.is_active:
        return
    if user.role == "admin" and not _has_other_admins(store, user):
        raise AccessError(f"{user.user_name} is the last admin; make another one first")
    user.is_active = False
    store.execute(delete(SignIn).where(SignIn.user_id == user.id))
    revoked = store.connection().execute(
        update(ApiToken)
        .where(ApiToken.user_id == user.id, ApiToken.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    audit.record(
        store, by, "deactivate user", user.user_name, {"tokens revoked": str(revoked.rowcount)}, at=now
    )


def activate_user(store: Session, by: User | None, user: User) -> None:
    """Let a deactivated user in again, with its password of before; its tokens stay revoked."""
    if not user.is_active:
        user.is_active = True
        audit.record(store, by, "activate user", user.user_name)


def _tokens_of(user_id: UUID | None) -> tuple[ColumnElement[bool], ...]:
    return () if user_id is None else (ApiToken.user_id == user_id,)


def _wanted(now: datetime, user_id: UUID | None, active_only: bool) -> tuple[ColumnElement[bool], ...]:
    return (*_tokens_of(user_id), *((_is_active(now), User.is_active) if active_only else ()))


def _is_active(now: datetime) -> ColumnElement[bool]:
    return and_(ApiToken.revoked_at.is_(None), or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > now))


def _token_row(token: ApiToken, user: User, now: datetime) -> TokenRow:
    return TokenRow(
        id=token.id,
        name=token.name,
        user_name=user.user_name,
        role=user.role,
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
        state=_state(token, user, now),
    )


def _state(token: ApiToken, user: User, now: datetime) -> str:
    if token.revoked_at is not None:
        return "revoked"
    if not user.is_active:
        return "deactivated"
    return "expired" if token.expires_at is not None and token.expires_at <= now else "active"


def _token_subject(name: str, user: User) -> str:
    return f"{name or 'unnamed'} of {user.user_name}"


def _has_other_admins(store: Session, user: User) -> bool:
    # Locked, so that two admins cannot deactivate each other at the same moment.
    admins = store.scalars(
        select(User.id).where(User.role == "admin", User.is_active).order_by(User.id).with_for_update()
    )
    return any(admin != user.id for admin in admins)


def _free_email(store: Session, email: str, *, besides: User | None = None) -> str | None:
    """In lower case, so that one person is one address; None for an empty one."""
    email = email.strip().lower()
    if not email:
        return None
    if not _EMAIL.fullmatch(email):
        raise AccessError("an e-mail address such as selam@example.com is needed")
    holder = store.scalar(select(User).where(func.lower(User.email) == email))
    if holder is not None and holder is not besides:
        raise AccessError(f"{holder.user_name} has this e-mail address already")
    return email


def _check_name(name: str) -> None:
    if len(name) > MAX_NAME_LENGTH:
        raise AccessError(f"a name has at most {MAX_NAME_LENGTH} characters")
