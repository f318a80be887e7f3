"""Billing audit, for admins: what does not add up in bills and statements, with the money at stake."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dashboard import choices, downloads, formats, markup, resources
from dashboard.markup import Bar
from dashboard.paging import choose_page
from dashboard.statements import orders
from dashboard.statements import rows as statement_rows
from dashboard.visitor import visitor
from languages import _, pgettext
from ocpp_integration.billing.audit import Total
from ocpp_integration.billing.checks import CHECKS

_FILES = {
    "csv": ("CSV", "text/csv"),
    "xlsx": ("Excel", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}
_PAGE_SIZE = 20
_STATES = {"open": pgettext("a finding", "Open"), "closed": _("Closed")}


def head() -> bool:
    """Returns whether open findings are wanted."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.html(markup.card_title(_("Findings"), _("The most money first")), width="content")
        with st.container(horizontal=True, width="content", vertical_alignment="center"):
            for ending, (word, mime) in _FILES.items():
                downloads.button(
                    markup.about(word, _("Findings")),
                    partial(orders.findings_file, visitor(), ending),
                    f"billing-findings.{ending}",
                    mime,
                    key=f"findings-{ending}",
                )
            shown = choices.one(
                st.segmented_control,
                _("State"),
                _STATES,
                required=True,
                format_func=_STATES.__getitem__,
                key="state",
                default="open",
                label_visibility="collapsed",
            )
    return shown != "closed"


def by_check(found: list[Total]) -> str:
    greatest = max(each.findings for each in found)
    return markup.bars(
        [
            Bar(
                _(CHECKS[each.check].title),
                formats.count(each.findings),
                formats.exact_money(each.amount, each.currency),
                each.findings / greatest,
            )
            for each in found
        ],
        are_wordy=True,
    )


def audit() -> None:
    who, above = visitor(), st.container(key="card-totals")
    with st.container(key="card-findings"):
        is_open = head()
        slot = st.container(gap=None)
        totals, rows = orders.audited(who, is_open=is_open)
        pages = -(-len(rows) // _PAGE_SIZE)
        page = choose_page(pages, f"findings-{is_open}-{pages}", _("Findings"))
        for each in rows[(page - 1) * _PAGE_SIZE : page * _PAGE_SIZE]:
            with (
                slot,
                st.container(key=f"row-place-finding-{each.finding.id}", horizontal=True),
            ):
                st.html(statement_rows.finding_row(each, resources.settings().timezone))
        if not rows and is_open:
            st.html(markup.empty(_("Everything adds up"), _("Whatever does not will be listed here.")))
        elif not rows:
            st.html(
                markup.empty(_("Nothing was closed"), _("What was found and holds no more is listed here."))
            )
    with above:
        st.html(markup.card_title(_("Open by check"), _("What each means, and what mends it, is below")))
        if totals:
            st.html(by_check(totals))
            st.html(markup.totals([(_("at stake in all"), statement_rows.sums(totals))]))
        else:
            st.html(markup.totals([(_("checks, nothing open"), formats.count(len(CHECKS)))]))
    with st.expander(_("What is checked"), icon=":material/help:"):
        st.html(markup.sentences([(_(check.title), _(check.about)) for check in CHECKS.values()]))


st.html(
    markup.title(_("Billing audit"), _("What does not add up in bills and statements; it closes by itself"))
)
if visitor().is_admin:
    audit()
else:
    st.html(markup.empty(_("Not for you"), _("Only administrators see the billing audit.")))
