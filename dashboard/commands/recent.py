"""What was ordered lately, as a list on the Live page: how far each command has come."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from dashboard import formats, language, markup
from dashboard.commands import dialog, orders
from dashboard.commands import words as command_words
from dashboard.fact_row import Fact, fact_row
from dashboard.visitor import visitor
from languages import _
from ocpp_integration.following import Followed


@st.fragment(run_every=2)
@language.spoken
def command_list() -> None:
    found = orders.recent(visitor())
    if not found:
        return
    with st.container(key="card-commands", gap=None):
        minutes = int(orders.LISTED_FOR.total_seconds() / 60)
        st.html(
            markup.card_title(_("Commands"), _("Of the last {minutes} minutes, by whomever", minutes=minutes))
        )
        now = datetime.now(UTC)
        for followed in found:
            with st.container(key=f"row-command-{followed.pk}", horizontal=True, vertical_alignment="center"):
                st.html(row(followed, now))
                words = markup.about(_("Steps"), f"{command_words.title_of(followed)[0]} {followed.pk}")
                if st.button(words, key=f"steps-{followed.pk}", type="tertiary"):
                    dialog.follow(followed.pk)
                    st.rerun()


def row(followed: Followed, now: datetime) -> str:
    words, place = command_words.title_of(followed)
    sent = formats.local_time(followed.sent_at, followed.timezone, seconds=True)
    facts = [
        Fact(_("Given"), formats.ago(followed.sent_at, now), sent),
        Fact(_("By"), followed.by or formats.NO_DATA),
    ]
    below = f"{place} · {command_words.last_step(followed)}"
    return fact_row(words, below, command_words.state_of(followed), facts)
