"""Who looks at the page. Asked again on every run of the script and of every live panel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn

import streamlit as st
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard import resources
from dashboard.gate.rules import LOGIN
from dashboard.gate.signing import SESSION_COOKIE
from dashboard.gate.signins import SignIns
from db.analytics.scope import Scope
from db.models import User


@dataclass(frozen=True)
class Visitor:
    user: User
    scope: Scope

    @property
    def role(self) -> str:
        """What the user is here: the owner's name, or Administrator."""
        return self.user.owner.name if self.user.owner else "Administrator"


def visitor() -> Visitor:
    """The signed-in user and what it may see. Without a live session the browser is sent to sign in."""
    user = _sign_ins().user(session_cookie())
    if user is None:
        _leave()
    return Visitor(user, Scope.of(user))


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
        # The message with which `st.login` sends a browser elsewhere; a script has no other way to.
        message = ForwardMsg()
        message.auth_redirect.url = LOGIN
        context.enqueue(message)
    st.stop()
