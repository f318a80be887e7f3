"""Sessions: the rows behind the figures; or, with `?session=`, one of them."""

from __future__ import annotations

import streamlit as st

from dashboard import address, choices, downloads, formats, loading, markup
from dashboard.paging import choose_page
from dashboard.sessions import page as session_page
from dashboard.sessions.drawer import open_drawer
from dashboard.sessions.table import session_table
from dashboard.view import choose_view
from db.analytics.scope import Period
from db.analytics.sessions import SessionCount, SessionFilter
from languages import N_, _, ngettext

PAGE_SIZE = 50
STATUSES = ("charging", "suspended", "stopping", "pending", "started", "completed", "stopped", "failed")
ORDERS = {
    N_("Newest first"): ("start", True),
    N_("Oldest first"): ("start", False),
    N_("Most energy"): ("energy", True),
    N_("Highest cost"): ("cost", True),
    N_("Longest"): ("duration", True),
}

if asked := st.query_params.get("session", ""):
    session_page.show(address.number(asked))
    st.stop()

view = choose_view(_("Sessions"), _("Ended in the period, or running"))
scope = view.scope


def choose_filter(period: Period) -> tuple[SessionFilter, str]:
    """What to list, and in which order (a key of `ORDERS`)."""
    with st.grid(3, min_column_width=140, gap="small"):
        search = st.text_input(
            _("Search"),
            placeholder=_("Transaction, id tag or station"),
            max_chars=100,
            key="search",
            bind="query-params",
            persist_state="session",
        )
        statuses = choices.several(
            st.multiselect,
            _("Status"),
            STATUSES,
            format_func=formats.words,
            placeholder=_("Any status"),
            key="status",
            persist_state="session",
        )
        order = choices.one(
            st.selectbox,
            _("Order"),
            ORDERS,
            format_func=_,
            placeholder=_("Choose an option"),
            key="order",
            default=next(iter(ORDERS)),
            persist_state="session",
        )
    return SessionFilter(period, tuple(statuses), search=search or ""), order or "Newest first"


def sums(count: SessionCount) -> str:
    revenue = " + ".join(formats.exact_money(amount, unit) for unit, amount in sorted(count.revenue.items()))
    shown = [(ngettext("session", "sessions", count.sessions), formats.count(count.sessions))]
    if count.without_energy:
        shown.append((_("without energy"), formats.count(count.without_energy)))
    if count.held:
        shown.append((_("held back"), formats.count(count.held)))
    if count.running:
        shown.append((_("running"), formats.count(count.running)))
    shown.append((_("delivered"), formats.exact_energy(count.energy_wh)))
    shown.append((_("revenue"), revenue or formats.NO_DATA))
    return markup.totals(shown)


with st.container(key="card-filter"):
    wanted, order = choose_filter(view.period)

sort, descending = ORDERS[order]
slot = st.container(key="card-sessions")
count = loading.session_count(scope, wanted)
pages = max(1, -(-count.rows // PAGE_SIZE))
page = 1
if pages > 1:
    with st.container(horizontal=True, horizontal_alignment="center"):
        # Another filter has other pages, so it begins with the first.
        page = choose_page(pages, f"page-{hash((wanted, order))}", _("Sessions"))
rows = loading.session_rows(scope, wanted, sort, descending, PAGE_SIZE, (page - 1) * PAGE_SIZE)
chosen = None
with slot:
    if rows:
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.html(sums(count), width="content")
            downloads.buttons(_("Sessions"), "sessions", scope, view.period)
        chosen = session_table(rows)
        st.caption(
            _("The files have all sessions of the period and the stations, whatever is filtered here.")
        )
    elif view.history:
        st.html(markup.empty(_("No sessions match"), _("Choose a longer period or fewer filters.")))
    else:
        st.html(
            markup.empty(
                _("No charging sessions yet"),
                _("They appear here as soon as a charge point reports one, or with an imported history."),
            )
        )
if chosen:
    open_drawer(chosen)
