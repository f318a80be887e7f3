"""An admin looks at the pages as an owner does: chosen in the sidebar, said above every page, ended there.

While that lasts the visitor is an owner to every page and order (see `visitor`), and the audit log says from
when to when. Nothing of it is in the address, so no link brings anybody into it.
"""

from __future__ import annotations

import streamlit as st

from dashboard import loading, markup
from dashboard.visitor import Visitor, look_as, visitor
from languages import _

_KEY = "view-as"


def choose_owner(who: Visitor) -> None:
    """For the sidebar of an admin."""
    owners = loading.owners()
    if who.user.role != "admin" or not owners:
        return
    st.selectbox(
        _("View as owner"),
        list(owners),
        index=None,
        format_func=owners.__getitem__,
        placeholder=_("View as an owner"),
        key=_KEY,
        label_visibility="collapsed",
        on_change=_begin,
    )


def banner(who: Visitor) -> None:
    """Above every page while it lasts."""
    if who.viewing_as is None:
        return
    with st.container(
        key="card-viewing",
        horizontal=True,
        horizontal_alignment="distribute",
        vertical_alignment="center",
    ):
        st.html(
            markup.card_title(
                _("You see what {viewing_as} sees", viewing_as=who.viewing_as),
                _(
                    "{user_name} may do here only what this owner may; tokens stay their holder's own.",
                    user_name=who.user.user_name,
                ),
            ),
            width="content",
        )
        st.button(_("End this view"), icon=":material/visibility_off:", key="view-as-end", on_click=_end)


def _begin() -> None:
    owner_id = st.session_state.get(_KEY)
    # The choice is told by the page; what may be chosen is not taken from it.
    if visitor().is_admin and owner_id in loading.owners():
        look_as(owner_id)


def _end() -> None:
    look_as(None)
