"""The strip that says how the network is now, on the Overview and above the connectors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import streamlit as st

from dashboard import formats, language, loading, markup
from dashboard.visitor import visitor
from db.analytics.live import NetworkState
from languages import _

_FRESH = timedelta(minutes=2)


@st.fragment(run_every=2)
@language.spoken
def live_strip(stations: tuple[int, ...] = ()) -> None:
    """Of the visitor's stations, or of those among them."""
    scope = visitor().scope
    state = loading.live_state(scope.only(stations) if stations else scope).state
    st.html(strip(state, datetime.now(UTC), loading.backend_down_since()))


def strip(state: NetworkState, now: datetime, down_since: datetime | None) -> str:
    """`down_since` is since when the OCPP backend does not answer: nothing is live then."""
    shares = [
        markup.Share(_("charging"), "charging", state.charging),
        markup.Share(_("occupied"), "occupied", state.occupied),
        markup.Share(_("available"), "available", state.available),
        markup.Share(_("faulted"), "faulted", state.faulted),
        markup.Share(_("offline"), "offline", state.offline),
        markup.Share(_("other"), "other", state.other),
    ]
    age = formats.ago(state.newest, now) if state.newest else _("nothing heard yet")
    fresh = state.newest is not None and now - state.newest < _FRESH and down_since is None
    if down_since is not None:
        age = _("stale for {duration}", duration=formats.duration(int((now - down_since).total_seconds())))
    return markup.live_strip(state.stations, shares, formats.power(state.power_w), age, is_fresh=fresh)
