"""Live: every connector as it is now, with start and stop."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from dashboard import command_dialog, commands, loading, markup
from dashboard.connector_card import KINDS, card, rank_of, state_of
from dashboard.live_panel import live_strip
from dashboard.visitor import visitor
from db.analytics.live import LiveConnector

PAGE_SIZE = 24
BUTTONS = {"start": ("Start", ":material/play_arrow:"), "stop": ("Stop", ":material/stop_circle:")}

_WHY_NOT = "The OCPP backend does not answer: until it does, nothing can be started or stopped here."


def wanted(connector: LiveConnector, kinds: list[str], text: str) -> bool:
    searched = f"{connector.station_name} {connector.station_id} {connector.transaction_id}".lower()
    return (not kinds or state_of(connector).kind in kinds) and text.strip().lower() in searched


def tile(connector: LiveConnector, now: datetime) -> None:
    with st.container(key=f"card-connector-{connector.pk}", height="stretch", gap="small"):
        st.html(card(connector, now))
        if kind := commands.possible(connector):
            words, icon = BUTTONS[kind]
            is_down = loading.backend_down_since() is not None
            if st.button(
                words,
                icon=icon,
                key=f"{kind}-{connector.pk}",
                width="stretch",
                disabled=is_down,
                help=_WHY_NOT if is_down else None,
            ):
                command_dialog.ask(kind, connector)
                st.rerun()


@st.fragment(run_every=2)
def connectors(kinds: list[str], text: str) -> None:
    found = [c for c in loading.live_state(visitor().scope).connectors if wanted(c, kinds, text)]
    found.sort(key=rank_of)
    pages = max(1, -(-len(found) // PAGE_SIZE))
    slot = st.container()
    page = st.pagination(pages, key=f"connectors-{pages}") if pages > 1 else 1
    now = datetime.now(UTC)
    with slot, st.grid("auto", min_column_width=290, gap="small"):
        for connector in found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]:
            tile(connector, now)
    if not found:
        with slot, st.container(key="card-none"):
            st.html(nothing(bool(kinds or text)))


def nothing(is_filtered: bool) -> str:
    if is_filtered:
        return markup.empty("No connector matches", "Choose other states, or clear the search.")
    return markup.empty(
        "No charge points yet", "They appear here when a station has been synced to the OCPP backend."
    )


st.html(markup.title("Live", f"{visitor().role} · every connector, refreshed every two seconds"))
live_strip()
with st.container(horizontal=True, vertical_alignment="center"):
    kinds = st.pills(
        "State",
        list(KINDS),
        selection_mode="multi",
        format_func=KINDS.__getitem__,
        key="state",
        bind="query-params",
        label_visibility="collapsed",
        wrap=True,
    )
    text = st.text_input(
        "Search",
        placeholder="Station or transaction",
        max_chars=100,
        key="find",
        bind="query-params",
        label_visibility="collapsed",
        icon=":material/search:",
        width=260,
    )
connectors(kinds, text or "")
command_dialog.show()
