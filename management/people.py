"""`manage.py create-user` and `create-token`."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from db.access import AccessError, create_api_token, create_user
from db.engine import writing
from db.models import StationOwner, User, utc_now


def add_user(
    engine: Engine, *, user_name: str, role: str, password: str | None, name: str, owner: str | None
) -> None:
    """A user; the owner it belongs to is made where there is none of that name."""
    with writing(engine) as store:
        create_user(
            store,
            user_name=user_name,
            role=role,
            password=password,
            name=name,
            owner=find_or_make_owner(store, owner) if owner else None,
        )


def add_token(engine: Engine, *, user_name: str, name: str, days: int | None) -> str:
    """A new token of the REST API for an existing user; it is shown only now."""
    with writing(engine) as store:
        user = store.scalar(select(User).where(User.user_name == user_name))
        if user is None:
            raise AccessError(f"no user is called {user_name}; make one with create-user")
        expires_at = utc_now() + timedelta(days=days) if days else None
        return create_api_token(store, user, name=name, expires_at=expires_at)


def find_or_make_owner(store: Session, name: str) -> StationOwner:
    owner = store.scalar(select(StationOwner).where(StationOwner.name == name))
    if owner is None:
        owner = StationOwner(name=name)
        store.add(owner)
        store.flush()
    return owner
