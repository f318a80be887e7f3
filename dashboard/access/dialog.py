"""What is asked before users and tokens are changed."""

from __future__ import annotations

import streamlit as st

from dashboard import formats, markup, resources
from dashboard.access import orders
from dashboard.access.orders import LIFETIMES, NewUser
from dashboard.question import Answer, Dialog, Question
from dashboard.visitor import Visitor
from db.access import MIN_PASSWORD_LENGTH, AccessError
from db.accounts import MAX_NAME_LENGTH, TokenRow, UserRow
from languages import N_, _, ngettext, translated

TOPIC = "access"
_ROLES = {
    "owner": N_("Owner: sees the stations of its company"),
    "admin": N_("Admin: sees and changes everything"),
    "driver": N_("Driver: its own sessions, by the REST API only"),
}


def _ask_for_token(who: Visitor, _nothing: None) -> None:
    if who.is_admin:
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


def _create_token(who: Visitor, _nothing: None, given: Answer) -> Question[str]:
    token = orders.create_token(
        who,
        user_id=given["user"] or who.user.id,
        name=given["name"] or "",
        days=LIFETIMES[given["lifetime"] or "90 days"],
    )
    return Question(_TOKEN_CREATED, token)


def _show_token(_who: Visitor, token: str) -> None:
    st.markdown(_("Copy it now. Only a fingerprint of it is kept, so it is shown this once."))
    st.code(token, language=None, wrap_lines=True)
    st.caption(_("Sent with each request as the header `Authorization: Token …`"))


def _ask_to_revoke(_who: Visitor, token: TokenRow) -> None:
    st.html(
        markup.card_title(
            token.name or _("Unnamed token"), _("Acts for {user_name}", user_name=token.user_name)
        )
    )
    st.markdown(_("Programs that use it are refused from now on. This cannot be undone."))


def _ask_for_user(who: Visitor, _nothing: None) -> None:
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


def _create_user(who: Visitor, _nothing: None, given: Answer) -> None:
    typed = {name: value or "" for name, value in given.items()}
    # Of somebody without a name that is said first.
    if typed["user_name"].strip() and not typed["password"] and not typed["email"]:
        raise AccessError(_("a user needs a password to sign in"))
    orders.create_user(who, NewUser(**typed))


def _ask_to_deactivate(_who: Visitor, user: UserRow) -> None:
    _name(user)
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


def _ask_to_activate(_who: Visitor, user: UserRow) -> None:
    _name(user)
    st.markdown(_("The user may sign in again, with the password of before. Revoked tokens stay revoked."))


def _ask_to_end_sessions(_who: Visitor, user: UserRow) -> None:
    _name(user)
    st.markdown(_("The user is signed out in every browser at once, and may sign in again."))


def _name(user: UserRow) -> None:
    st.html(markup.card_title(user.name or user.user_name, user.user_name))


def _provider() -> str:
    """Name of the OpenID Connect provider, empty where there is none."""
    settings = resources.settings()
    return settings.oidc_name if settings.oidc_issuer else ""


CREATE_TOKEN = Dialog(
    TOPIC,
    N_("New token"),
    "key",
    _ask_for_token,
    _create_token,
    confirm=N_("Create token"),
    done=N_("The token was created."),
    fields=("user", "name", "lifetime"),
)
# It cannot be shown again, so no stray click may close it.
_TOKEN_CREATED = Dialog[str](
    TOPIC,
    N_("Token created"),
    "key",
    _show_token,
    lambda _who, _token, _given: None,
    confirm=N_("I have copied it"),
    key="copied",
    dismissible=False,
)
REVOKE_TOKEN = Dialog[TokenRow](
    TOPIC,
    N_("Revoke token"),
    "key_off",
    _ask_to_revoke,
    lambda who, token, _given: orders.revoke_token(who, token.id),
    confirm=N_("Revoke token"),
    done=N_("The token is revoked."),
)
CREATE_USER = Dialog(
    TOPIC,
    N_("New user"),
    "person_add",
    _ask_for_user,
    _create_user,
    confirm=N_("Create user"),
    done=N_("The user was created."),
    fields=("user_name", "name", "role", "owner", "password", "email"),
)
DEACTIVATE_USER = Dialog[UserRow](
    TOPIC,
    N_("Deactivate user"),
    "person_off",
    _ask_to_deactivate,
    lambda who, user, _given: orders.deactivate_user(who, user.id),
    confirm=N_("Deactivate user"),
    done=N_("The user is deactivated."),
)
ACTIVATE_USER = Dialog[UserRow](
    TOPIC,
    N_("Activate user"),
    "person_check",
    _ask_to_activate,
    lambda who, user, _given: orders.activate_user(who, user.id),
    confirm=N_("Activate user"),
    done=N_("The user may sign in again."),
)
END_SESSIONS = Dialog[UserRow](
    TOPIC,
    N_("End sessions"),
    "logout",
    _ask_to_end_sessions,
    lambda who, user, _given: orders.end_sessions(who, user.id),
    confirm=N_("End sessions"),
    done=N_("The user is signed out everywhere."),
)
