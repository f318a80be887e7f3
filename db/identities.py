"""Which of our users a person is whom an OpenID Connect provider vouches for.

Nobody becomes a user this way: an admin makes the user first, with the person's e-mail address. The first
sign-in links the user to the person's subject, which the provider never gives to another; from then on the
subject alone counts, whatever becomes of the address.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db import audit
from db.models import User


@dataclass(frozen=True)
class Identity:
    """A person as the provider `issuer` tells of it; `is_verified` is whether the address is its own."""

    issuer: str
    subject: str
    email: str = ""
    is_verified: bool = False


class Stranger(Exception):
    """No user is this person. `reason` is `unknown`, `unverified` (its address) or `other_person`."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


def user_of(store: Session, person: Identity) -> User:
    """The user, active or not, linked from now on. Raises `Stranger`."""
    known = store.scalar(
        select(User).where(User.oidc_issuer == person.issuer, User.oidc_subject == person.subject)
    )
    if known:
        return known
    if not person.is_verified:
        raise Stranger("unverified")
    found = store.scalars(
        select(User).where(func.lower(User.email) == _lowered(person.email), User.email != "").limit(2)
    ).all()
    if len(found) != 1:
        raise Stranger("unknown")
    user = found[0]
    if user.oidc_issuer == person.issuer and user.oidc_subject is not None:
        raise Stranger("other_person")
    if user.is_active:
        _link(store, user, person)
    return user


def _lowered(email: str) -> str:
    """Letters of other scripts stay: some become another address's when they are lowered, as the sign of
    kelvin becomes a k.
    """
    return "".join(letter.lower() if letter.isascii() else letter for letter in email)


def _link(store: Session, user: User, person: Identity) -> None:
    user.oidc_issuer, user.oidc_subject = person.issuer, person.subject
    details = {"issuer": person.issuer, "subject": person.subject}
    audit.record(store, user, "link identity", user.user_name, details)
