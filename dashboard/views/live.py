"""Live: every connector as it is now, with the commands that can be given, and those that were."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from dashboard import choices, language, loading, markup
from dashboard.commands import dialog, orders
from dashboard.commands.recent import command_list
from dashboard.connector_card import KINDS, card, kind_of, place_of, rank_of
from dashboard.live_panel import live_strip
from dashboard.paging import choose_page
from dashboard.search_box import search_box
from dashboard.visitor import Visitor, visitor
from db.analytics.live import LiveConnector
from languages import _, translated

PAGE_SIZE = 24
BUTTONS = {"start": (_("Start"), ":material/play_arrow:"), "stop": (_("Stop"), ":material/stop_circle:")}

_WHY_NOT = _("The OCPP backend does not answer: until it does, nothing can be started or stopped here.")


def wanted(connector: LiveConnector, kinds: list[str], text: str) -> bool:
    searched = f"{connector.station_name} {connector.station_id} {connector.transaction_id}".lower()
    return (not kinds or kind_of(connector.status) in kinds) and text.strip().lower() in searched


def tile(connector: LiveConnector, now: datetime, who: Visitor) -> None:
    with st.container(key=f"card-connector-{connector.pk}", height="stretch", gap="small"):
        st.html(card(connector, now))
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            buttons(connector, who)
            if connector.session_pk is not None:
                st.page_link(
                    "views/sessions.py",
                    label=markup.about(_("Session"), place_of(connector)),
                    icon=":material/receipt_long:",
                    query_params={"session": str(connector.session_pk)},
                )


def buttons(connector: LiveConnector, who: Visitor) -> None:
    is_down = loading.backend_down_since() is not None
    why_not = _WHY_NOT if is_down else None
    if kind := orders.possible(connector):
        words, icon = BUTTONS[kind]
        key = f"{kind}-{connector.pk}"
        words = markup.about(words, place_of(connector))
        if st.button(words, icon=icon, key=key, width="stretch", disabled=is_down, help=why_not):
            dialog.ask(kind, connector)
            st.rerun()
    if orders.may_operate(who) and orders.operations(connector):
        key = f"manage-{connector.pk}"
        words = markup.about(_("Manage"), place_of(connector))
        if st.button(words, icon=":material/build:", key=key, disabled=is_down, help=why_not):
            dialog.manage(connector)
            st.rerun()


@st.fragment(run_every=2)
@language.spoken
def connectors(kinds: list[str], text: str) -> None:
    who = visitor()
    found = [c for c in loading.live_state(who.scope).connectors if wanted(c, kinds, text)]
    found.sort(key=rank_of)
    pages = max(1, -(-len(found) // PAGE_SIZE))
    slot = st.container()
    page = choose_page(pages, f"connectors-{pages}", _("Connectors"))
    now = datetime.now(UTC)
    with slot, st.grid("auto", min_column_width=290, gap="small"):
        for connector in found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]:
            tile(connector, now, who)
    if not found:
        with slot, st.container(key="card-none"):
            st.html(nothing(bool(kinds or text)))


def nothing(is_filtered: bool) -> str:
    if is_filtered:
        return markup.empty(_("No connector matches"), _("Choose other states, or clear the search."))
    return markup.empty(
        _("No charge points yet"), _("They appear here when a station has been synced to the OCPP backend.")
    )


st.html(
    markup.title(_("Live"), _("{role} · every connector, refreshed every two seconds", role=visitor().role))
)
live_strip()
with st.container(horizontal=True, vertical_alignment="center"):
    kinds = choices.several(
        st.pills,
        _("State"),
        KINDS,
        selection_mode="multi",
        format_func=translated(KINDS),
        key="state",
        label_visibility="collapsed",
        wrap=True,
    )
    text = search_box(_("Station or transaction"), width=260)
connectors(kinds, text)
command_list()
dialog.show()
