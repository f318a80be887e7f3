"""What wants attention now, at the head of the Overview."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import streamlit as st

from dashboard import language, loading, markup, resources
from dashboard.attention.concerns import Present, concerns
from dashboard.stations import listing
from dashboard.view import View, scope_now
from dashboard.visitor import visitor
from languages import _


@st.fragment(run_every=10)
@language.spoken
def attention(view: View) -> None:
    """Of the visitor's stations, or of those that were chosen."""
    now = datetime.now(UTC)
    present = _present(view)
    found = concerns(present, now)
    at = now.astimezone(ZoneInfo(resources.settings().timezone))
    looked_at = _("Looked at {at:%H:%M:%S %Z}", at=at)
    if not found and not present.stations:
        with st.container(key="card-attention"):
            st.html(listing.none_yet())
        return
    if not found:
        st.html(markup.all_well(looked_at))
        return
    with st.container(key="card-attention", gap=None):
        st.html(markup.card_title(_("Needs attention"), looked_at))
        for concern in found:
            _row(concern)


def _present(view: View) -> Present:
    scope = scope_now(view)
    live = loading.live_state(scope)
    return Present(
        stations=loading.stations(scope),
        connectors=live.connectors,
        newest=live.state.newest,
        troubles=loading.troubles(scope),
        upkeep=loading.upkeep() if visitor().is_admin else None,
        backend_down_since=loading.backend_down_since(),
    )


def _row(concern: markup.Concern) -> None:
    with st.container(key=f"row-concern-{concern.key}", horizontal=True, vertical_alignment="center"):
        st.html(markup.concern(concern))
        if concern.page:
            st.page_link(
                concern.page,
                label=markup.about(concern.where, concern.headline),
                icon=":material/chevron_right:",
                query_params=concern.query,
            )
