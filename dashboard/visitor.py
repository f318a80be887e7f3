"""Who looks at the page. Asked again on every run of the script and of every live panel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard import resources
from dashboard.gate.signing import SESSION_COOKIE
from dashboard.gate.signins import SignedIn, SignIns
from dashboard.gate.sockets import to_sign_in
from db.analytics.scope import Scope
from db.models import StationOwner, User
from languages import _
from ocpp_integration.errors import IntegrationError

_WHOSE = "whose"


class NotForYou(IntegrationError):
    code = "not_for_you"


@dataclass(frozen=True)
class Visitor:
    """`user` is what the visitor may do: an admin that looks as an owner does (`viewing_as` is that owner's
    name) is an owner here, with the admin's id and names.
    """

    user: User
    scope: Scope
    viewing_as: str | None = None

    @property
    def role(self) -> str:
        """What the user is here: the owner's name, or Administrator."""
        return self.user.owner.name if self.user.owner else _("Administrator")

    @property
    def is_admin(self) -> bool:
        return self.user.role == "admin"

    def demand_admin(self) -> None:
        """Raises `NotForYou` for anybody else."""
        if not self.is_admin:
            raise NotForYou(_("This is for admins."))


def visitor() -> Visitor:
    """The signed-in user and what it may see. Without a live session, or in the page of another
    user, the browser is sent to sign in, from where one who is signed in comes to a page of its own.
    """
    found = _sign_ins().signed_in(session_cookie())
    if found is None or not _is_theirs(found):
        _leave()
    return visitor_of(found)


def _is_theirs(found: SignedIn) -> bool:
    """Whether this page is the user's own. One that lost its connection may come back, with all that was
    chosen and opened in it, when somebody else has signed in with the same browser.
    """
    return bool(st.session_state.setdefault(_WHOSE, found.user.id) == found.user.id)


def visitor_of(found: SignedIn) -> Visitor:
    if found.viewing_owner is None:
        return Visitor(found.user, Scope.of(found.user))
    user = _as_owner(found.user, found.viewing_owner)
    return Visitor(user, Scope.of(user), found.viewing_owner.name)


def look_as(owner_id: int | None) -> None:
    """From now on an admin sees what this owner sees, or (None) with its own eyes; nothing for others."""
    _sign_ins().view_as(session_cookie(), owner_id)


def choose_language(language: str) -> None:
    """From now on the pages speak this one to the user."""
    _sign_ins().choose_language(session_cookie(), language)


def _as_owner(user: User, owner: StationOwner) -> User:
    """Not of the store: whoever asks what this user may do is told what an owner may."""
    return User(
        id=user.id,
        user_name=user.user_name,
        name=user.name,
        role="owner",
        owner_id=owner.id,
        owner=owner,
        is_active=user.is_active,
        language=user.language,
    )


def session_cookie() -> str:
    # As it was when the page connected: the session behind it may have ended since.
    return str(st.context.cookies.get(SESSION_COOKIE, ""))


def _sign_ins() -> SignIns:
    return SignIns(
        engine=resources.engine(),
        secret=resources.cookie_secret(),
        lasting=timedelta(hours=resources.settings().session_hours),
    )


def _leave() -> NoReturn:
    if context := get_script_run_ctx():
        context.enqueue(to_sign_in())
    st.stop()
