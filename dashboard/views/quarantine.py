"""Quarantine, for admins: sessions that cannot be as they were reported, and what to make of each."""

from __future__ import annotations

import streamlit as st

from dashboard import choices, formats, markup
from dashboard.paging import choose_page
from dashboard.quarantine import dialog, orders, rows
from dashboard.question import Dialog, ask, show
from dashboard.visitor import visitor
from db.analytics.sessions import SessionRow
from db.models import SessionDecision
from languages import _, ngettext, translated
from ocpp_integration.quarantine import AtStake

_NONE = {
    "held": (
        _("Nothing is held back"),
        _("Every session can be as it was reported, or was decided about."),
    ),
    "accepted": (
        _("No session was accepted"),
        _("Held sessions that you accept are listed here."),
    ),
    "corrected": (
        _("No session was corrected"),
        _("Held sessions that you correct are listed here."),
    ),
}


def choose_state() -> str:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.html(markup.card_title(_("Sessions"), _("The newest first")), width="content")
        shown = choices.one(
            st.segmented_control,
            _("State"),
            rows.STATES,
            required=True,
            format_func=translated(rows.STATES),
            key="state",
            default="held",
            label_visibility="collapsed",
        )
    return shown or "held"


def sums(found: AtStake) -> str:
    costs = " + ".join(formats.exact_money(cost, unit) for unit, cost in sorted(found.cost.items()))
    word = ngettext("session held back", "sessions held back", found.sessions)
    return markup.totals(
        [
            (word, formats.count(found.sessions)),
            (_("not counted"), formats.exact_energy(found.energy_wh)),
            (_("not in the revenue"), costs or formats.NO_DATA),
        ]
    )


def row(session: SessionRow, decision: SessionDecision | None) -> None:
    with st.container(key=f"row-session-{session.pk}", horizontal=True, vertical_alignment="center"):
        st.html(rows.row(session, decision))
        if session.is_held:
            button(session, "accept", _("Accept"), "check", dialog.ACCEPT)
            button(session, "correct", _("Correct"), "edit", dialog.CORRECT)
        else:
            button(session, "undo", _("Take back"), "undo", dialog.TAKE_BACK)


def button(session: SessionRow, key: str, words: str, icon: str, asked: Dialog[SessionRow]) -> None:
    words = markup.about(words, f"{session.station_name} {session.transaction_id or session.pk}")
    if st.button(words, icon=f":material/{icon}:", key=f"{key}-{session.pk}", type="tertiary"):
        ask(asked, session)


def sessions() -> None:
    who = visitor()
    with st.container(key="card-quarantine"):
        state = choose_state()
        slot = st.container(gap=None)
        pages = orders.pages(who, state)
        page = choose_page(pages, f"quarantine-{state}-{pages}", _("Quarantine"))
        found = orders.look(who, state, page)
        with slot:
            if found.at_stake.sessions:
                st.html(sums(found.at_stake))
            for session in found.rows:
                row(session, found.decisions.get(session.pk))
            if not found.rows:
                st.html(markup.empty(*_NONE[state]))
    if found.has_unjudged:
        st.info(
            _(
                "There are sessions from before sessions were judged. They count as they are; "
                "`manage.py judge-sessions --dry-run` says what would be held back of them."
            ),
            icon=":material/info:",
        )


st.html(
    markup.title(
        _("Quarantine"), _("Sessions that cannot be as reported: they count nowhere until you decide")
    )
)
if visitor().is_admin:
    sessions()
    show(dialog.TOPIC)
else:
    st.html(
        markup.empty(_("Not for you"), _("Only administrators decide about sessions that are held back."))
    )
