"""A quick look at one session beside a list: facts, bill, meter curve, and the way to its page."""

from __future__ import annotations

import streamlit as st

from dashboard import loading, markup
from dashboard.sessions import parts
from dashboard.statements.receipt_button import receipt_button
from dashboard.visitor import visitor
from languages import _

_PAGE = "views/sessions.py"


def open_drawer(session_pk: int) -> None:
    drawer = st.dialog(
        _("Session"), width=680, position="right", on_dismiss=_close, icon=":material/receipt_long:"
    )
    drawer(_drawer)(session_pk)


def _close() -> None:
    # The list takes another key by this, and with it forgets which row was chosen.
    st.session_state["drawers_closed"] = st.session_state.get("drawers_closed", 0) + 1


def _drawer(session_pk: int) -> None:
    found = loading.session(visitor().scope, session_pk)
    if found is None:
        st.html(markup.empty(*map(_, parts.NO_SUCH_SESSION)))
        return
    row, points = found
    st.html(markup.card_title(row.station_name, parts.subtitle(row)))
    st.page_link(
        _PAGE,
        label=_("All about this session"),
        icon=":material/open_in_full:",
        query_params={"session": str(session_pk)},
    )
    st.html(markup.facts(parts.facts(row)))
    parts.remarks(row)
    st.html(markup.card_title(_("Bill")))
    st.html(parts.bill(row))
    receipt_button(row)
    parts.curve(row, points)
