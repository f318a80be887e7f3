"""What every page says while the OCPP backend is down. Pages read the store alone, and so load as ever."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from dashboard import formats, loading, markup, resources
from languages import _


@st.fragment(run_every=10)
def backend_banner() -> None:
    if since := loading.backend_down_since():
        st.html(banner(since, datetime.now(UTC), resources.settings().timezone))


def banner(since: datetime, now: datetime, timezone: str) -> str:
    headline = _(
        "The OCPP backend has not answered since {local_time}", local_time=formats.local_time(since, timezone)
    )
    sentence = _(
        "That was {ago}. What is shown of charge points and sessions may be as old. Until it "
        "answers, nothing can be started or stopped here.",
        ago=formats.ago(since, now),
    )
    return markup.notice(headline, sentence)
