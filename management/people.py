"""Users and tokens on the command line."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Engine, select

from db import accounts
from db.access import AccessError
from db.engine import reading, writing
from db.models import User, utc_now
from management.table import print_table

_NEVER = "never"


def add_user(
    engine: Engine,
    *,
    user_name: str,
    role: str,
    password: str | None,
    name: str,
    owner: str | None,
    new_owner: bool = False,
    email: str = "",
) -> None:
    """A user. Raises `AccessError` where its owner is not known, unless that is to be made."""
    with writing(engine) as store:
        known = accounts.list_owners(store)
        if owner and not new_owner and owner not in known:
            told = f"known are {', '.join(known)}" if known else "none is known yet"
            raise AccessError(f"no owner is called {owner!r} ({told}); --new-owner makes it")
        accounts.create_user(
            store,
            None,
            user_name=user_name,
            role=role,
            password=password,
            name=name,
            owner=owner or "",
            email=email,
        )


def way_in(engine: Engine) -> str:
    """How somebody gets in, where nobody can; else empty."""
    with reading(engine) as store:
        is_there = store.scalar(select(User.id).where(User.is_active, User.role == "admin").limit(1))
    return "" if is_there else "Nobody can sign in yet: python manage.py create-user NAME --role admin"


def change_email(engine: Engine, *, user_name: str, email: str) -> None:
    with writing(engine) as store:
        accounts.set_email(store, None, accounts.find_user(store, user_name), email)


def end_sessions(engine: Engine, user_name: str) -> int:
    """How many there were."""
    with writing(engine) as store:
        return accounts.end_sessions(store, None, accounts.find_user(store, user_name))


def change_password(engine: Engine, *, user_name: str, password: str) -> bool:
    """Whether the user may sign in with it: a deactivated one may not."""
    with writing(engine) as store:
        user = accounts.find_user(store, user_name)
        accounts.set_password(store, None, user, password)
        return user.is_active


def deactivate(engine: Engine, user_name: str) -> None:
    with writing(engine) as store:
        accounts.deactivate_user(store, None, accounts.find_user(store, user_name), utc_now())


def activate(engine: Engine, user_name: str) -> None:
    with writing(engine) as store:
        accounts.activate_user(store, None, accounts.find_user(store, user_name))


def print_users(engine: Engine) -> None:
    with reading(engine) as store:
        users = accounts.list_users(store, utc_now())
    print_table(
        ("user", "name", "role", "owner", "state", "tokens", "id"),
        [
            (
                user.user_name,
                user.name,
                user.role,
                user.owner,
                "active" if user.is_active else "deactivated",
                str(user.tokens),
                str(user.id),
            )
            for user in users
        ],
    )


def add_token(engine: Engine, *, user_name: str, name: str, days: int | None) -> str:
    """A new token of the REST API for an existing user; it is shown only now."""
    with writing(engine) as store:
        user = accounts.find_user(store, user_name)
        expires_at = utc_now() + timedelta(days=days) if days else None
        return accounts.create_token(store, None, user, name=name, expires_at=expires_at)


def revoke(engine: Engine, token_id: int) -> None:
    with writing(engine) as store:
        accounts.revoke_token(store, None, token_id, utc_now())


def print_tokens(engine: Engine, *, user_name: str | None, all_of_them: bool) -> None:
    with reading(engine) as store:
        user_id = accounts.find_user(store, user_name).id if user_name else None
        tokens = accounts.list_tokens(store, utc_now(), user_id=user_id, active_only=not all_of_them)
    print_table(
        ("number", "name", "user", "role", "state", "created", "expires", "last used"),
        [
            (
                str(token.id),
                token.name,
                token.user_name,
                token.role,
                token.state,
                _day(token.created_at),
                _day(token.expires_at),
                _minute(token.last_used_at),
            )
            for token in tokens
        ],
        none="There is no token.",
    )


def _day(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%d") if at else _NEVER


def _minute(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC") if at else _NEVER
