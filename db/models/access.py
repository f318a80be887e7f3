"""People and programs that may come in."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.base import Base, Id, Name, Timestamped, Word, utc_now
from db.models.platform import StationOwner


class User(Timestamped, Base):
    """`role` is admin (sees all), owner (sees what belongs to `owner_id`) or driver (own sessions).

    `language` is a key of `languages.LANGUAGES`; null for whatever the browser prefers.
    `oidc_subject` is whom the user is at the OpenID Connect provider `oidc_issuer`, null until the first
    sign-in there.
    """

    __tablename__ = "users"
    __table_args__ = (Index("ix_users_oidc", "oidc_issuer", "oidc_subject", unique=True),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_name: Mapped[Name] = mapped_column(unique=True)
    name: Mapped[Name] = mapped_column(default="")
    email: Mapped[Name | None] = mapped_column(unique=True)
    role: Mapped[Word]
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("station_owners.id"))
    password_hash: Mapped[Name | None]
    is_active: Mapped[bool] = mapped_column(default=True)
    language: Mapped[Word | None]
    oidc_issuer: Mapped[Name | None]
    oidc_subject: Mapped[Name | None]

    owner: Mapped[StationOwner | None] = relationship()


class ApiToken(Base):
    """A token of the REST API. Only its SHA-256 is kept; it is random enough not to need a slow hash."""

    __tablename__ = "api_tokens"

    id: Mapped[Id]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    name: Mapped[Name] = mapped_column(default="")
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    user: Mapped[User] = relationship()


class SignIn(Base):
    """A session of the dashboard: the SHA-256 of its cookie's random token, and when it ends.

    `viewing_owner_id` is as which owner an admin looks at the pages, null for with its own eyes.
    """

    __tablename__ = "sign_ins"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime]
    viewing_owner_id: Mapped[int | None] = mapped_column(ForeignKey("station_owners.id"))

    user: Mapped[User] = relationship()
    viewing_owner: Mapped[StationOwner | None] = relationship()


class SignInFailure(Base):
    """A failed sign-in, counted per account and per address."""

    __tablename__ = "sign_in_failures"
    __table_args__ = (
        Index("ix_sign_in_failures_account", "account", "at"),
        Index("ix_sign_in_failures_address", "address", "at"),
    )

    id: Mapped[Id]
    account: Mapped[Name]
    address: Mapped[Name]
    at: Mapped[datetime] = mapped_column(default=utc_now)


class AuditEntry(Base):
    """One thing that a person changed. `user_name` is what the user was called then, empty for the command
    line; `action` a word such as `revoke token`, `subject` what it was done to. Never holds a secret."""

    __tablename__ = "audit_log"
    __table_args__ = (Index("ix_audit_log_at", "at"),)

    id: Mapped[Id]
    at: Mapped[datetime] = mapped_column(default=utc_now)
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    user_name: Mapped[Name] = mapped_column(default="")
    action: Mapped[Word]
    subject: Mapped[Name]
    details: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
