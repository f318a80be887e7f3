"""Who may come in: users with passwords, and tokens of programs and browsers."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session, contains_eager, joinedload
from werkzeug.security import check_password_hash, generate_password_hash

from db.models import ApiToken, SignIn, SignInFailure, StationOwner, User

ROLES = ("admin", "owner", "driver")
MIN_PASSWORD_LENGTH = 10


class AccessError(ValueError):
    """The user or token cannot be made as asked; the message says why."""


def hash_token(token: str) -> str:
    """SHA-256 in hex. Enough for tokens, which are random; passwords get a slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def hash_password(password: str) -> str:
    if len(password) < MIN_PASSWORD_LENGTH:
        raise AccessError(f"a password needs at least {MIN_PASSWORD_LENGTH} characters")
    return generate_password_hash(password)


def create_user(
    store: Session,
    *,
    user_name: str,
    role: str,
    password: str | None = None,
    name: str = "",
    email: str | None = None,
    owner: StationOwner | None = None,
) -> User:
    """A new user. Raises `AccessError` for a taken name, an unknown role, or a role without its owner."""
    if role not in ROLES:
        raise AccessError(f"no role is called {role}; it is one of {', '.join(ROLES)}")
    if role == "owner" and owner is None:
        raise AccessError("a user of the role owner needs the owner whose stations it sees")
    if store.scalar(select(User.id).where(User.user_name == user_name)):
        raise AccessError(f"a user called {user_name} exists already")
    user = User(
        user_name=user_name,
        name=name or user_name,
        email=email,
        role=role,
        owner=owner,
        password_hash=hash_password(password) if password else None,
    )
    store.add(user)
    store.flush()
    return user


def authenticate(store: Session, user_name: str, password: str) -> User | None:
    """The active user with this name and password. An unknown name takes as long as a wrong password."""
    user = store.scalar(select(User).where(User.user_name == user_name, User.is_active))
    known_hash = user.password_hash if user and user.password_hash else _UNKNOWN
    matches = check_password_hash(known_hash, password)
    return user if user and user.password_hash and matches else None


def forgive_failures(store: Session, user_name: str) -> None:
    """Forget failed sign-ins to this account. Those to others from the same address stay."""
    store.execute(delete(SignInFailure).where(SignInFailure.account == user_name.lower()[:255]))


def create_api_token(
    store: Session, user: User, *, name: str = "", expires_at: datetime | None = None
) -> str:
    """A new token of the REST API, shown this once: only its hash is stored."""
    token = secrets.token_urlsafe(32)
    store.add(ApiToken(user=user, name=name, token_hash=hash_token(token), expires_at=expires_at))
    return token


def api_token(store: Session, token: str, now: datetime) -> ApiToken | None:
    """The valid token with an active user, None for one that is unknown, expired or revoked."""
    return store.scalar(
        select(ApiToken)
        .join(User)
        .where(
            ApiToken.token_hash == hash_token(token),
            ApiToken.revoked_at.is_(None),
            or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > now),
            User.is_active,
        )
    )


def sign_in(store: Session, user: User, now: datetime, lasting: timedelta) -> str:
    """A new session of the dashboard; the token belongs in the browser's cookie."""
    token = secrets.token_urlsafe(32)
    store.add(SignIn(token_hash=hash_token(token), user=user, created_at=now, expires_at=now + lasting))
    return token


def live_session(store: Session, token: str, now: datetime) -> SignIn | None:
    """The session with its user, None when it is unknown, ended or its user was deactivated."""
    return store.scalar(
        select(SignIn)
        .join(SignIn.user)
        .where(SignIn.token_hash == hash_token(token), SignIn.expires_at > now, User.is_active)
        .options(contains_eager(SignIn.user), joinedload(SignIn.viewing_owner))
    )


def view_as(store: Session, token: str, owner: StationOwner | None) -> None:
    """Have the session look as `owner` does, or with its own eyes again. Whose it is the caller has asked."""
    store.get_one(SignIn, hash_token(token)).viewing_owner = owner


def sign_out(store: Session, token: str) -> None:
    if found := store.get(SignIn, hash_token(token)):
        store.delete(found)


# A hash with the same cost as a user's, of a password that nobody has.
_UNKNOWN = (
    "scrypt:32768:8:1$iNWQ0SVqLjXUuxYE$"
    "0000000000000000000000000000000000000000000000000000000000000000"
    "0000000000000000000000000000000000000000000000000000000000000000"
)
