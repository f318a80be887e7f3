"""The lists of tokens and users on the Access pages, with the buttons that open their dialogs."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape

import streamlit as st

from dashboard import markup, resources
from dashboard.access import dialog, orders, rows
from dashboard.access.orders import PAGE_SIZE
from dashboard.paging import choose_page
from dashboard.question import Dialog, ask
from dashboard.visitor import Visitor
from db.accounts import TokenRow, UserRow
from languages import N_, _, translated

_SHOWN = {"active": N_("Active"), "all": N_("All")}


def token_list(who: Visitor) -> None:
    """The tokens that the visitor may see, newest first."""
    with st.container(key="card-tokens"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.html(
                markup.card_title(_("API tokens"), _("For programs that use the REST API")), width="content"
            )
            with st.container(horizontal=True, width="content", vertical_alignment="center"):
                shown = st.segmented_control(
                    _("Tokens"),
                    list(_SHOWN),
                    required=True,
                    default="active",
                    format_func=translated(_SHOWN),
                    key="tokens-shown",
                    label_visibility="collapsed",
                )
                if st.button(_("New token"), icon=":material/add:", type="primary", key="new-token"):
                    ask(dialog.CREATE_TOKEN, None)
        _tokens(who, active_only=shown != "all")


def _tokens(who: Visitor, *, active_only: bool) -> None:
    slot = st.container(gap=None)
    found = orders.tokens(who, active_only=active_only, page=1)
    if found.pages > 1:
        page = choose_page(found.pages, f"tokens-{active_only}", _("API tokens"))
        found = orders.tokens(who, active_only=active_only, page=page)
    now, timezone = datetime.now(UTC), resources.settings().timezone
    with slot:
        for token in found.rows:
            _token(token, now, timezone, with_user=who.is_admin)
        if not found.rows:
            st.html(
                markup.empty(
                    _("No active tokens") if active_only else _("No tokens yet"),
                    _("A token lets a program read and command what its user may, without a password."),
                )
            )


def _token(token: TokenRow, now: datetime, timezone: str, *, with_user: bool) -> None:
    with st.container(key=f"row-token-{token.id}", horizontal=True, vertical_alignment="center"):
        st.html(rows.token_row(token, now, timezone, with_user=with_user))
        if token.state == "active" and st.button(
            markup.about(_("Revoke"), f"{token.name or _('Unnamed token')} {token.user_name} {token.id}"),
            icon=":material/key_off:",
            key=f"revoke-{token.id}",
            type="tertiary",
        ):
            ask(dialog.REVOKE_TOKEN, token)


def sessions_card() -> None:
    """The way to end one's sessions in every browser."""
    with st.container(key="card-sessions", horizontal=True, horizontal_alignment="distribute"):
        st.html(
            markup.card_title(
                _("Where you are signed in"), _("A lost phone, a borrowed computer: end it all at once")
            ),
            width="content",
        )
        words = escape(_("Log out everywhere"))
        st.html(f'<a class="mm-link" href="/logout?everywhere=1">{words}</a>', width="content")


def user_list(who: Visitor) -> None:
    """Every user, for an admin."""
    users = orders.users(who)
    pages = -(-len(users) // PAGE_SIZE)
    with st.container(key="card-users"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.html(markup.card_title(_("Users"), _("People who may sign in, and drivers")), width="content")
            if st.button(_("New user"), icon=":material/person_add:", key="new-user"):
                ask(dialog.CREATE_USER, None)
        slot = st.container(gap=None)
        page = choose_page(pages, f"users-{pages}", _("Users"))
        now, timezone = datetime.now(UTC), resources.settings().timezone
        with slot:
            for user in users[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]:
                _user(user, now, timezone, is_self=user.id == who.user.id)


def _user(user: UserRow, now: datetime, timezone: str, *, is_self: bool) -> None:
    with st.container(key=f"row-user-{user.id}", horizontal=True, vertical_alignment="center"):
        st.html(rows.user_row(user, now, timezone))
        if is_self:
            return
        if user.is_active and user.signed_in_at:
            _button(user, "end", _("End sessions"), "logout", dialog.END_SESSIONS)
        if user.is_active:
            _button(user, "deactivate", _("Deactivate"), "person_off", dialog.DEACTIVATE_USER)
        else:
            _button(user, "activate", _("Activate"), "person_check", dialog.ACTIVATE_USER)


def _button(user: UserRow, key: str, words: str, icon: str, asked: Dialog[UserRow]) -> None:
    words = markup.about(words, user.user_name)
    if st.button(words, icon=f":material/{icon}:", key=f"{key}-{user.id}", type="tertiary"):
        ask(asked, user)
