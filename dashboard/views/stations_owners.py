"""Stations & owners, for admins: what the platform lists, and whether the OCPP backend was told of it."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from dashboard import choices, loading, markup, resources
from dashboard.job_card import card
from dashboard.paging import choose_page
from dashboard.search_box import search_box
from dashboard.stations import sync_row
from dashboard.visitor import visitor
from db import job_runs
from db.engine import writing
from db.job_states import JobState
from db.models import utc_now
from languages import _, translated
from ocpp_integration import sync

JOB = "sync"
PAGE_SIZE = 25
_ALL = "all"
_STATES = {_ALL: _("All"), **{state: words for state, (words, _) in sync_row.STATES.items()}}


def sync_now() -> None:
    who = visitor()
    if who.user.role != "admin":
        return
    with writing(resources.engine()) as store:
        sync.ask_again(store)
        # Where it was asked for already, that request stands for this one too.
        job_runs.request(store, JOB, who.user.user_name, utc_now())
    loading.job_states.forget()


@st.fragment(run_every=1)
def job() -> None:
    """The sync: how the last one went, how far the one under way has come, and a button."""
    if not visitor().is_admin:
        st.rerun()
    found = next((state for state in loading.job_states() if state.name == JOB), None)
    with st.container(key="card-sync"):
        if found is None:
            st.html(markup.empty(_("No scheduler was ever started"), _("Start one with python -m jobs.")))
            return
        st.html(card(found, datetime.now(UTC)))
        st.button(
            _("Sync now"),
            icon=":material/sync:",
            key="sync-now",
            disabled=waits(found),
            on_click=sync_now,
            help=_("Tells the OCPP backend every station that differs, and those that it refused, too."),
        )


def waits(found: JobState) -> bool:
    return found.running is not None or found.requested is not None


@st.fragment(run_every=4)
def stations(shown: str, text: str) -> None:
    if not visitor().is_admin:
        st.rerun()
    states = loading.sync_states()
    found = [each for each in states if shown in (_ALL, each.state) and sync_row.matches(each, text)]
    found.sort(key=sync_row.rank_of)
    st.html(markup.totals([(_("stations"), f"{len(states):,}"), *sync_row.owner_lines(states)]))
    pages = max(1, -(-len(found) // PAGE_SIZE))
    slot = st.container(gap=None)
    page = choose_page(pages, f"places-{pages}", _("Stations"))
    now, timezone = datetime.now(UTC), resources.settings().timezone
    with slot:
        for state in found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]:
            with st.container(key=f"row-place-{state.place_id}", horizontal=True):
                st.html(sync_row.row(state, now, timezone))
        if not found:
            st.html(nothing(bool(states)))


def nothing(are_any: bool) -> str:
    if are_any:
        return markup.empty(_("No station matches"), _("Choose another state, or clear the search."))
    return markup.empty(
        _("No stations yet"),
        _(
            "Set MENGEDMATE_URL and MENGEDMATE_TOKEN to have them pulled, or import them with "
            "python manage.py import-stations."
        ),
    )


def choose() -> tuple[str, str]:
    with st.container(horizontal=True, vertical_alignment="center"):
        text = search_box(_("Station, owner, place or error"), key="place-find")
        shown = choices.one(
            st.segmented_control,
            _("State"),
            _STATES,
            required=True,
            format_func=translated(_STATES),
            key="place-state",
            default=_ALL,
            label_visibility="collapsed",
            wrap=True,
        )
    return shown or _ALL, text


st.html(
    markup.title(
        _("Stations & owners"), _("What the platform lists, and what the OCPP backend was told of it")
    )
)
if visitor().is_admin:
    job()
    with st.container(key="card-places"):
        shown, text = choose()
        stations(shown, text)
else:
    st.html(markup.empty(_("Not for you"), _("Only administrators see every owner's stations.")))
