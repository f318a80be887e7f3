"""Sign-ins to the dashboard: made from a user name and password, known again by a cookie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, delete
from sqlalchemy.orm import Session

from dashboard.gate import attempts
from dashboard.gate.signing import sign, unsign
from db import access, accounts, audit, identities
from db.analytics.scope import Scope
from db.engine import reading, writing
from db.identities import Identity, Stranger
from db.models import SignIn, StationOwner, User, utc_now


@dataclass(frozen=True)
class Refused:
    """Why nobody was signed in: `wrong` name or password, `locked` until a time, `no_pages` for the role.

    Of a provider's person also `unknown`, `unverified`, `other_person` (see `Stranger`) and `deactivated`.
    """

    reason: str
    until: datetime | None = None


@dataclass(frozen=True)
class SignedIn:
    """A live session's user, and as which owner it looks at the pages: None for with its own eyes."""

    user: User
    viewing_owner: StationOwner | None


class SignIns:
    """`engine` is the store's, `secret` signs the cookies. Every method blocks on the store."""

    def __init__(
        self, *, engine: Engine, secret: str, lasting: timedelta, clock: Callable[[], datetime] = utc_now
    ):
        self._engine = engine
        self._secret = secret
        self.lasting = lasting
        self._clock = clock

    def sign_in(self, user_name: str, password: str, address: str, old_cookie: str = "") -> str | Refused:
        """The value of a new session's cookie. A session the browser had before ends."""
        now = self._clock()
        with writing(self._engine) as store:
            if until := attempts.register(store, user_name, address, now):
                return Refused("locked", until)
        with reading(self._engine) as store:
            user = access.authenticate(store, user_name, password)
        if user is None:
            return Refused("wrong")
        with writing(self._engine) as store:
            access.forgive_failures(store, user_name)
            if not _has_pages(user):
                return Refused("no_pages")
            return self._begin(store, store.get_one(User, user.id), old_cookie, now)

    def _begin(self, store: Session, user: User, old_cookie: str, now: datetime) -> str:
        store.execute(delete(SignIn).where(SignIn.expires_at <= now))
        if old := self.token(old_cookie):
            access.sign_out(store, old)
        return sign(access.sign_in(store, user, now, self.lasting), self._secret, "session")

    def sign_in_person(self, person: Identity, old_cookie: str = "") -> str | Refused:
        """The same for whom an OpenID Connect provider vouches for. Nobody is made a user by it."""
        with writing(self._engine) as store:
            try:
                user = identities.user_of(store, person)
            except Stranger as stranger:
                return Refused(stranger.reason)
            if not user.is_active:
                return Refused("deactivated")
            if not _has_pages(user):
                return Refused("no_pages")
            return self._begin(store, user, old_cookie, self._clock())

    def token(self, cookie: str) -> str | None:
        """The token in a cookie that we made; whether its session still lives is not looked up."""
        return unsign(cookie, self._secret, "session")

    def user(self, cookie: str) -> User | None:
        """Whose live session this cookie is, with the owner loaded."""
        found = self.signed_in(cookie)
        return found.user if found else None

    def signed_in(self, cookie: str) -> SignedIn | None:
        token = self.token(cookie)
        if token is None:
            return None
        with reading(self._engine) as store:
            session = access.live_session(store, token, self._clock())
            if session is None or not _has_pages(session.user):
                return None
            _ = session.user.owner
            # Only an admin looks as somebody else does, however the row came to say so.
            is_admin = session.user.role == "admin"
            return SignedIn(session.user, session.viewing_owner if is_admin else None)

    def view_as(self, cookie: str, owner_id: int | None) -> None:
        """Have an admin's session look as an owner does, or end that; nothing for anybody else's.

        The change is in the audit log.
        """
        token, found = self.token(cookie), self.signed_in(cookie)
        if token is None or found is None or found.user.role != "admin":
            return
        with writing(self._engine) as store:
            owner = store.get(StationOwner, owner_id) if owner_id is not None else None
            subject = owner or found.viewing_owner
            if subject is None or (owner and found.viewing_owner and owner.id == found.viewing_owner.id):
                return
            access.view_as(store, token, owner)
            audit.record(store, found.user, "view as owner" if owner else "end view as owner", subject.name)

    def choose_language(self, cookie: str, language: str) -> None:
        """Have the pages speak this language to the session's user, here and wherever it signs in."""
        if found := self.signed_in(cookie):
            with writing(self._engine) as store:
                store.get_one(User, found.user.id).language = language

    def sign_out(self, cookie: str, *, everywhere: bool = False) -> None:
        """End the cookie's session, in every tab; `everywhere`: all of its user's, in every browser."""
        if token := self.token(cookie):
            with writing(self._engine) as store:
                found = access.live_session(store, token, self._clock()) if everywhere else None
                if found:
                    accounts.end_sessions(store, found.user, found.user)
                access.sign_out(store, token)


def _has_pages(user: User) -> bool:
    try:
        Scope.of(user)
    except PermissionError:
        return False
    return True
