"""The dialogs that change users and tokens: each asks once, and acts once however often it is clicked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

import streamlit as st

from dashboard import formats, markup, resources
from dashboard.access import orders
from dashboard.access.orders import LIFETIMES, NewUser
from dashboard.visitor import Visitor, visitor
from db.access import MIN_PASSWORD_LENGTH, AccessError
from db.accounts import MAX_NAME_LENGTH, TokenRow, UserRow
from languages import N_, _, ngettext, told, translated

Kind = Literal[
    "create token", "revoke token", "create user", "deactivate user", "activate user", "end sessions"
]
_QUESTION = "access_question"
_ROLES = {
    "owner": N_("Owner: sees the stations of its company"),
    "admin": N_("Admin: sees and changes everything"),
    "driver": N_("Driver: its own sessions, by the REST API only"),
}


@dataclass
class Question:
    """What is being asked. One object for one opened dialog, which remembers that it was answered.

    It is changed in place: an entry of the session's state could be lost to the run of a second click.
    """

    kind: Kind
    target: TokenRow | UserRow | None = None
    answer: dict[str, Any] | None = None
    is_done: bool = False
    token: str = field(default="", repr=False)
    error: str = ""


def ask(kind: Kind, target: TokenRow | UserRow | None = None) -> None:
    """Have the dialog open, and forget the last one."""
    st.session_state[_QUESTION] = Question(kind, target)


def show() -> None:
    """Open the dialog if something is being asked."""
    question: Question | None = st.session_state.get(_QUESTION)
    if question is None:
        return
    if question.token:
        # It cannot be shown again, so no stray click may close it.
        st.dialog(_("Token created"), icon=":material/key:", dismissible=False)(_show_token)(question)
        return
    dialog = _DIALOGS[question.kind]
    st.dialog(_(dialog.title), on_dismiss=_forget, icon=f":material/{dialog.icon}:")(_body)(question)


def _forget() -> None:
    st.session_state.pop(_QUESTION, None)


def _body(question: Question) -> None:
    dialog, who = _DIALOGS[question.kind], visitor()
    if question.answer is not None and not question.is_done:
        _act(dialog.act, who, question)
    if question.is_done:
        if not question.token:
            _forget()
            st.toast(_(dialog.done), icon=":material/check_circle:")
        st.rerun()
    if question.error:
        st.error(question.error, icon=":material/error:")
    dialog.ask(who, question)


def _act(act: Callable[[Visitor, Question], None], who: Visitor, question: Question) -> None:
    try:
        act(who, question)
    except AccessError as error:
        reason = told(str(error))
        question.answer, question.error = None, f"{reason[:1].upper()}{reason[1:].rstrip('.')}."
    else:
        question.is_done = True


def _buttons(question: Question, words: str, keys: tuple[str, ...] = ()) -> None:
    """Cancel, and the one that answers with what the widgets of `keys` hold."""

    def answer() -> None:
        if question.answer is None:
            question.answer = {key: st.session_state.get(f"access-{key}") for key in keys}

    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button(_("Cancel"), key="access-cancel"):
            _forget()
            st.rerun()
        st.button(words, key="access-confirm", type="primary", on_click=answer)


def _ask_for_token(who: Visitor, question: Question) -> None:
    if orders.is_admin(who):
        people = {user.id: user for user in orders.users(who) if user.is_active}
        ids = list(people)
        st.selectbox(
            _("Acts for"),
            ids,
            index=ids.index(who.user.id),
            format_func=lambda pk: f"{people[pk].user_name} ({formats.words(people[pk].role)})",
            placeholder=_("Choose an option"),
            key="access-user",
            help=_("The token sees and may do what this user does."),
        )
    st.text_input(
        _("What it is for"), placeholder=_("Billing export"), max_chars=MAX_NAME_LENGTH, key="access-name"
    )
    st.selectbox(
        _("Ends after"),
        list(LIFETIMES),
        index=1,
        format_func=_,
        placeholder=_("Choose an option"),
        key="access-lifetime",
    )
    _buttons(question, _("Create token"), ("user", "name", "lifetime"))


def _create_token(who: Visitor, question: Question) -> None:
    given = question.answer or {}
    user_id: UUID = given.get("user") or who.user.id
    question.token = orders.create_token(
        who, user_id=user_id, name=given.get("name") or "", days=LIFETIMES[given.get("lifetime") or "90 days"]
    )


def _show_token(question: Question) -> None:
    visitor()
    st.markdown(_("Copy it now. Only a fingerprint of it is kept, so it is shown this once."))
    st.code(question.token, language=None, wrap_lines=True)
    st.caption(_("Sent with each request as the header `Authorization: Token …`"))
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button(_("I have copied it"), key="access-copied", type="primary"):
            _forget()
            st.rerun()


def _ask_to_revoke(_who: Visitor, question: Question) -> None:
    token = question.target
    assert isinstance(token, TokenRow)  # noqa: S101 - narrows the type; this kind is asked about a token
    st.html(
        markup.card_title(
            token.name or _("Unnamed token"), _("Acts for {user_name}", user_name=token.user_name)
        )
    )
    st.markdown(_("Programs that use it are refused from now on. This cannot be undone."))
    _buttons(question, _("Revoke token"))


def _revoke(who: Visitor, question: Question) -> None:
    assert isinstance(question.target, TokenRow)  # noqa: S101 - see above
    orders.revoke_token(who, question.target.id)


def _ask_for_user(who: Visitor, question: Question) -> None:
    st.text_input(_("User name"), max_chars=100, key="access-user_name", help=_("What one signs in with."))
    st.text_input(_("Name"), placeholder=_("As it is shown"), max_chars=MAX_NAME_LENGTH, key="access-name")
    role = st.selectbox(
        _("Role"),
        list(_ROLES),
        format_func=translated(_ROLES),
        placeholder=_("Choose an option"),
        key="access-role",
    )
    if role == "owner":
        st.selectbox(
            _("Company"),
            orders.owners(who),
            index=None,
            placeholder=_("Choose one, or type a new name"),
            accept_new_options=True,
            key="access-owner",
            help=_("Whose stations this user sees."),
        )
    st.text_input(
        _("Password"),
        type="password",
        max_chars=200,
        autocomplete="new-password",
        key="access-password",
        help=_("At least {min_password_length} characters.", min_password_length=MIN_PASSWORD_LENGTH),
    )
    if provider := _provider():
        st.text_input(
            _("E-mail address"),
            max_chars=MAX_NAME_LENGTH,
            key="access-email",
            help=_(
                "By which {provider} knows this user, who then needs no password here.", provider=provider
            ),
        )
    _buttons(question, _("Create user"), ("user_name", "name", "role", "owner", "password", "email"))


def _create_user(who: Visitor, question: Question) -> None:
    given = {key: value or "" for key, value in (question.answer or {}).items()}
    if not given["password"] and not given["email"]:
        raise AccessError(_("a user needs a password to sign in"))
    orders.create_user(who, NewUser(**given))
    question.answer = {}


def _ask_to_deactivate(_who: Visitor, question: Question) -> None:
    user = question.target
    assert isinstance(user, UserRow)  # noqa: S101 - narrows the type; this kind is asked about a user
    st.html(markup.card_title(user.name or user.user_name, user.user_name))
    st.markdown(
        ngettext(
            "The user is signed out everywhere at once, and its token is revoked for good.",
            "The user is signed out everywhere at once, and its {n} tokens are revoked for good.",
            user.tokens,
        )
        if user.tokens
        else _("The user is signed out everywhere at once.")
    )
    st.markdown(_("An admin can let the user in again."))
    _buttons(question, _("Deactivate user"))


def _deactivate(who: Visitor, question: Question) -> None:
    assert isinstance(question.target, UserRow)  # noqa: S101 - see above
    orders.deactivate_user(who, question.target.id)


def _ask_to_end_sessions(_who: Visitor, question: Question) -> None:
    user = question.target
    assert isinstance(user, UserRow)  # noqa: S101 - see above
    st.html(markup.card_title(user.name or user.user_name, user.user_name))
    st.markdown(_("The user is signed out in every browser at once, and may sign in again."))
    _buttons(question, _("End sessions"))


def _end_sessions(who: Visitor, question: Question) -> None:
    assert isinstance(question.target, UserRow)  # noqa: S101 - see above
    orders.end_sessions(who, question.target.id)


def _provider() -> str:
    """Name of the OpenID Connect provider, empty where there is none."""
    settings = resources.settings()
    return settings.oidc_name if settings.oidc_issuer else ""


def _ask_to_activate(_who: Visitor, question: Question) -> None:
    user = question.target
    assert isinstance(user, UserRow)  # noqa: S101 - see above
    st.html(markup.card_title(user.name or user.user_name, user.user_name))
    st.markdown(_("The user may sign in again, with the password of before. Revoked tokens stay revoked."))
    _buttons(question, _("Activate user"))


def _activate(who: Visitor, question: Question) -> None:
    assert isinstance(question.target, UserRow)  # noqa: S101 - see above
    orders.activate_user(who, question.target.id)


@dataclass(frozen=True)
class _Dialog:
    title: str
    icon: str
    ask: Callable[[Visitor, Question], None]
    act: Callable[[Visitor, Question], None]
    done: str


_DIALOGS: dict[Kind, _Dialog] = {
    "create token": _Dialog(
        N_("New token"), "key", _ask_for_token, _create_token, N_("The token was created.")
    ),
    "revoke token": _Dialog(
        N_("Revoke token"), "key_off", _ask_to_revoke, _revoke, N_("The token is revoked.")
    ),
    "create user": _Dialog(
        N_("New user"), "person_add", _ask_for_user, _create_user, N_("The user was created.")
    ),
    "deactivate user": _Dialog(
        N_("Deactivate user"), "person_off", _ask_to_deactivate, _deactivate, N_("The user is deactivated.")
    ),
    "end sessions": _Dialog(
        N_("End sessions"),
        "logout",
        _ask_to_end_sessions,
        _end_sessions,
        N_("The user is signed out everywhere."),
    ),
    "activate user": _Dialog(
        N_("Activate user"), "person_check", _ask_to_activate, _activate, N_("The user may sign in again.")
    ),
}
