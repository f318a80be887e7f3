"""Statements: what each month came to for an owner, issued once. Admins see all, and issue them."""

from __future__ import annotations

import streamlit as st

from dashboard import loading, markup, resources
from dashboard.paging import choose_page
from dashboard.question import ask, show
from dashboard.statements import dialog, orders, rows
from dashboard.statements.drawer import open_drawer, pdf_button
from dashboard.visitor import visitor
from db.models import Statement
from languages import _, dates

_PAGE_SIZE = 20


def choose_month() -> None:
    with st.container(horizontal=True, width="content", vertical_alignment="center", key="filters"):
        month = st.selectbox(
            _("Month"),
            rows.months_to_issue(loading.today()),
            format_func=lambda each: dates.told(each, "MMMM y"),
            placeholder=_("Choose an option"),
            key="statement-month",
            label_visibility="collapsed",
            width=180,
        )
        if st.button(_("Issue"), icon=":material/request_quote:", key="issue", type="primary"):
            ask(dialog.ISSUE, month)


def row(statement: Statement, *, with_owner: bool) -> None:
    with st.container(key=f"row-statement-{statement.id}", horizontal=True, vertical_alignment="center"):
        st.html(rows.row(statement, resources.settings().timezone, with_owner=with_owner))
        if st.button(
            markup.about(_("Open"), statement.name),
            icon=":material/visibility:",
            key=f"open-{statement.id}",
            type="tertiary",
        ):
            open_drawer(statement.id)
        pdf_button(statement.id, statement.name, "list")


who = visitor()
is_admin = who.is_admin
with st.container(
    horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom", key="head"
):
    st.html(
        markup.title(
            _("Statements"), _("{role} · each month once, corrections on the next one", role=who.role)
        ),
        width="content",
    )
    if is_admin:
        choose_month()
found = orders.look(who)
with st.container(key="card-statements", gap=None):
    pages = -(-len(found) // _PAGE_SIZE)
    slot = st.container(gap=None)
    page = choose_page(pages, f"statements-{pages}", _("Statements"))
    with slot:
        for each in found[(page - 1) * _PAGE_SIZE : page * _PAGE_SIZE]:
            row(each, with_owner=is_admin)
    if not found:
        sentence = (
            _("Choose a month that is over and issue those of all owners.")
            if is_admin
            else (_("They are issued when a month is over, and listed here for good."))
        )
        st.html(markup.empty(_("No statements yet"), sentence))
show(dialog.TOPIC)
