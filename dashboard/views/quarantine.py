"""Quarantine, for admins: sessions that cannot be as they were reported, and what to make of each."""

from __future__ import annotations

import streamlit as st

from dashboard import formats, markup, quarantine_dialog, quarantine_orders, quarantine_rows
from dashboard.visitor import visitor
from db.analytics.sessions import SessionRow
from db.models import SessionDecision
from ocpp_integration.quarantine import AtStake

_NONE = {
    "held": (
        "Nothing is held back",
        "Every session can be as it was reported, or was decided about.",
    ),
    "accepted": (
        "No session was accepted",
        "Held sessions that you accept are listed here.",
    ),
    "corrected": (
        "No session was corrected",
        "Held sessions that you correct are listed here.",
    ),
}


def choose_state() -> str:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.html(markup.card_title("Sessions", "The newest first"), width="content")
        shown = st.segmented_control(
            "State",
            list(quarantine_rows.STATES),
            required=True,
            default="held",
            format_func=quarantine_rows.STATES.__getitem__,
            key="state",
            bind="query-params",
            label_visibility="collapsed",
        )
    return shown or "held"


def sums(found: AtStake) -> str:
    costs = " + ".join(formats.exact_money(cost, unit) for unit, cost in sorted(found.cost.items()))
    word = "session held back" if found.sessions == 1 else "sessions held back"
    return markup.totals(
        [
            (word, formats.count(found.sessions)),
            ("not counted", formats.exact_energy(found.energy_wh)),
            ("not in the revenue", costs or formats.NO_DATA),
        ]
    )


def row(session: SessionRow, decision: SessionDecision | None) -> None:
    with st.container(key=f"row-session-{session.pk}", horizontal=True, vertical_alignment="center"):
        st.html(quarantine_rows.row(session, decision))
        if session.is_held:
            if st.button("Accept", icon=":material/check:", key=f"accept-{session.pk}", type="tertiary"):
                quarantine_dialog.ask("accept", session)
            if st.button("Correct", icon=":material/edit:", key=f"correct-{session.pk}", type="tertiary"):
                quarantine_dialog.ask("correct", session)
        elif st.button("Take back", icon=":material/undo:", key=f"undo-{session.pk}", type="tertiary"):
            quarantine_dialog.ask("take back", session)


def sessions() -> None:
    who = visitor()
    with st.container(key="card-quarantine"):
        state = choose_state()
        slot = st.container(gap=None)
        pages = quarantine_orders.pages(who, state)
        page = st.pagination(pages, key=f"quarantine-{state}-{pages}") if pages > 1 else 1
        found = quarantine_orders.look(who, state, page)
        with slot:
            if found.at_stake.sessions:
                st.html(sums(found.at_stake))
            for session in found.rows:
                row(session, found.decisions.get(session.pk))
            if not found.rows:
                st.html(markup.empty(*_NONE[state]))
    if found.has_unjudged:
        st.info(
            "There are sessions from before sessions were judged. They count as they are; "
            "`manage.py judge-sessions --dry-run` says what would be held back of them.",
            icon=":material/info:",
        )


st.html(
    markup.title("Quarantine", "Sessions that cannot be as reported: they count nowhere until you decide")
)
if quarantine_orders.is_admin(visitor()):
    sessions()
    quarantine_dialog.show()
else:
    st.html(markup.empty("Not for you", "Only administrators decide about sessions that are held back."))
