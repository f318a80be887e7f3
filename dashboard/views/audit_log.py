"""Audit log, for admins: everything that a person changed, when, and to what."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import pandas as pd
import streamlit as st

from dashboard import choices, formats, markup, resources
from dashboard.paging import choose_page
from dashboard.row_table import Column, row_table
from dashboard.time_choice import choose_time
from dashboard.visitor import visitor
from db import audit
from db.audit import EVERYTHING, Search
from db.engine import reading
from db.models import AuditEntry
from db.searching import sought
from languages import _

PAGE_SIZE = 50
MOST_PAGES = 200


def choose(actions: Sequence[str]) -> tuple[Search, Hashable]:
    """What is looked for, and by what the same question is known again."""
    with st.grid(3, min_column_width=150, gap="small"):
        text = st.text_input(
            _("Search"),
            placeholder=_("A person, or what was changed"),
            max_chars=100,
            key="find",
            bind="query-params",
        )
        action = choices.one(
            st.selectbox,
            _("Did what"),
            ["", *actions],
            format_func=lambda action: formats.words(action) if action else _("Anything"),
            placeholder=_("Choose an option"),
            key="action",
            default="",
        )
        time = choose_time("audit", default="all")
    found = Search(sought(text or ""), action or "", time.since, time.until)
    return found, (found.text, found.action, time.question)


def row(entry: AuditEntry, timezone: str) -> dict[str, str]:
    return {
        _("When"): formats.local_time(entry.at, timezone, seconds=True),
        _("Who"): entry.user_name or _("Command line"),
        _("Did what"): formats.words(entry.action),
        _("To what"): entry.subject,
        _("Details"): ", ".join(f"{name}: {value}" for name, value in entry.details.items()),
    }


def table(entries: Sequence[AuditEntry]) -> None:
    timezone = resources.settings().timezone
    row_table(
        pd.DataFrame([row(entry, timezone) for entry in entries]),
        "audit",
        _("What people changed, the newest first"),
        columns={_("To what"): Column(width="large")},
        head=_("Did what"),
        in_sight=PAGE_SIZE,
    )


def log() -> None:
    with reading(resources.engine()) as store:
        actions = audit.actions(store)
    with st.container(key="card-audit"):
        search, question = choose(actions)
        slot = st.container()
        with reading(resources.engine()) as store:
            pages = -(-audit.count(store, search, PAGE_SIZE * MOST_PAGES) // PAGE_SIZE)
            # Another search has other pages, so it begins with the first.
            page = choose_page(pages, f"audit-{hash(question)}-{pages}", _("Audit log"))
            found = audit.newest(store, search, limit=PAGE_SIZE, offset=(page - 1) * PAGE_SIZE)
        with slot:
            if found:
                table(found)
            elif search == EVERYTHING:
                st.html(
                    markup.empty(_("Nothing yet"), _("What people change here or by command stands here."))
                )
            else:
                st.html(
                    markup.empty(_("No change matches"), _("Choose other days, or look for something else."))
                )
        if pages == MOST_PAGES:
            st.caption(_("Older ones are found by a narrower search."))


st.html(markup.title(_("Audit log"), _("Everything that a person changed, on the installation's clock")))
# Asked whenever the page runs: the role may have changed since it was opened.
if visitor().is_admin:
    log()
else:
    st.html(markup.empty(_("Not for you"), _("Only administrators see the audit log.")))
