"""Payments: what drivers paid at codes, what was billed of it, and what people have to see to."""

from __future__ import annotations

import streamlit as st

from dashboard import choices, downloads, markup
from dashboard.paging import choose_page
from dashboard.payments import dialog, orders, rows
from dashboard.payments.drawer import open_drawer
from dashboard.question import show
from dashboard.view import choose_view
from db.analytics.payments import PaymentFilter, PaymentRow
from db.models import utc_now
from languages import _, ngettext, translated

view = choose_view(_("Payments"), _("Begun at a code in the period"))


def choose_filter() -> PaymentFilter:
    """What wants attention is listed whenever it was begun: it does not get better with time."""
    with st.grid(2, min_column_width=260, gap="small"):
        group = choices.one(
            st.segmented_control,
            _("Which"),
            rows.GROUPS,
            required=True,
            format_func=translated(rows.GROUPS),
            key="payment-group",
            default="",
            wrap=True,
        )
        search = st.text_input(
            _("Search"),
            placeholder=_("Reference, session, station or phone"),
            max_chars=100,
            key="payment-search",
            bind="query-params",
            help=_("A phone number whole, or its last four digits."),
        )
    period = None if group == "attention" else view.period
    return PaymentFilter(period, group or "", search or "")


def row(each: PaymentRow) -> None:
    with st.container(key=f"row-payment-{each.pk}", horizontal=True, vertical_alignment="center"):
        st.html(rows.row(each, utc_now()))
        words = markup.about(_("Open"), each.reference)
        if st.button(words, icon=":material/visibility:", key=f"open-{each.pk}", type="tertiary"):
            open_drawer(each.pk)


def nothing(wanted: PaymentFilter) -> tuple[str, str]:
    if not orders.are_taken():
        return (
            _("No payments are taken here"),
            _("PAYMENT_PROVIDER is none; docs/payments.md says how to begin."),
        )
    if wanted.group == "attention" and not wanted.search:
        return _("Nothing wants attention"), _("Every payment goes on by itself, or was settled.")
    if wanted.group or wanted.search:
        return _("No payments match"), _("Choose a longer period or fewer filters.")
    return (
        _("No payments in this period"),
        _("Print a station's codes from its page: drivers pay at them by phone."),
    )


with st.container(key="card-filter"):
    wanted = choose_filter()
waiting = orders.wanting_people(view.scope)
if waiting and wanted.group != "attention":
    st.html(
        markup.notice(
            ngettext("{n:,} payment wants attention", "{n:,} payments want attention", waiting),
            _("A refund to be made by hand, another amount than was asked for, or money that lies still."),
        )
    )
with st.container(key="card-payments", gap=None):
    sums = orders.sums(view.scope, wanted)
    count = sum(each.payments for each in sums.values())
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.html(markup.totals(rows.sums(sums)) if sums else markup.card_title(_("Payments")))
        if sums:
            downloads.buttons(_("Payments"), "payments", view.scope, view.period)
    slot = st.container(gap=None)
    pages = -(-count // orders.PAGE_SIZE)
    page = choose_page(pages, f"payments-{hash(wanted)}-{pages}", _("Payments"))
    with slot:
        for each in orders.rows(view.scope, wanted, page):
            row(each)
        if not count:
            st.html(markup.empty(*nothing(wanted)))
show(dialog.TOPIC)
