"""Jobs: what runs by itself, how that went, and a button that has it run now. For admins."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from dashboard import loading, markup, resources
from dashboard.job_card import card, history_row, state_of
from dashboard.opened import Opened
from dashboard.row_table import Column, row_table
from dashboard.visitor import visitor
from db import job_runs
from db.engine import writing
from db.job_states import JobState
from db.models import utc_now
from languages import _

HISTORY = 50
WRONG = ("failed", "late")
_asked: Opened[str] = Opened("job")


def tile(job: JobState, now: datetime) -> None:
    with st.container(key=f"card-job-{job.name}", height="stretch", gap="small"):
        st.html(card(job, now))
        if job.quiet:
            return
        waits = job.running is not None or job.requested is not None
        if st.button(
            markup.about(_("Run now"), job.name),
            icon=":material/play_arrow:",
            key=f"run-{job.name}",
            width="stretch",
            disabled=waits,
        ):
            _asked.open(job.name)


@st.fragment(run_every=1)
def tiles() -> None:
    if not visitor().is_admin:
        st.rerun()
    states, now = loading.job_states(), datetime.now(UTC)
    if not states:
        with st.container(key="card-none"):
            st.html(
                markup.empty(
                    _("No scheduler was ever started"),
                    _("Start one with python -m jobs, or everything with make up."),
                )
            )
        return
    st.html(summary(states))
    with st.grid("auto", min_column_width=310, gap="small"):
        # What is wrong first.
        for job in sorted(states, key=lambda job: state_of(job) not in WRONG):
            tile(job, now)


def summary(states: list[JobState]) -> str:
    found = [state_of(job) for job in states]
    wrong = sum(state in WRONG for state in found)
    return markup.totals(
        [
            (_("jobs"), str(len(found))),
            (_("running"), str(found.count("running"))),
            (_("failed or late"), str(wrong)),
        ]
    )


def request_run(name: str) -> None:
    who = visitor()
    if who.is_admin:
        with writing(resources.engine()) as store:
            # Where it was asked for already, that request stands for this one too.
            job_runs.request(store, name, who.user.user_name, utc_now())
    _asked.forget()


@st.dialog(_("Run now"), on_dismiss=_asked.forget, icon=":material/play_arrow:")
def ask(name: str) -> None:
    st.markdown(_("A scheduler runs **{name}** within a second or two, besides its usual times.", name=name))
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button(_("Cancel"), key="job-cancel"):
            _asked.forget()
            st.rerun()
        if st.button(_("Run now"), key="job-confirm", type="primary", on_click=request_run, args=(name,)):
            st.rerun()


def history() -> None:
    # Quiet jobs come last: while they are fine their history is empty.
    names = [job.name for job in sorted(loading.job_states(), key=lambda job: job.quiet)]
    if not names:
        return
    with st.container(key="card-history"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.html(
                markup.card_title(
                    _("History"), _("The newest {history} runs, on the installation's clock", history=HISTORY)
                )
            )
            name = st.selectbox(
                _("Job"),
                names,
                placeholder=_("Choose an option"),
                key="job",
                bind="query-params",
                label_visibility="collapsed",
                width=180,
            )
        rows = loading.job_history(name, HISTORY)
        if not rows:
            st.html(markup.empty(_("No runs"), _("A job that is fine and runs all the time leaves none.")))
            return
        row_table(
            pd.DataFrame([history_row(run, resources.settings().timezone) for run in rows]),
            f"history-{name}",
            _("Runs of {name}, the newest first", name=name),
            columns={_("What it said"): Column(width="large")},
        )


st.html(markup.title(_("Jobs"), _("What runs by itself, refreshed every second")))
if visitor().is_admin:
    tiles()
    history()
    if asked := _asked.get():
        ask(asked)
else:
    st.html(markup.empty(_("Not for you"), _("Only administrators see the jobs.")))
