"""Sessions: the rows behind the figures, and one session's meter curve."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from dashboard import formats, loading, markup
from dashboard.session_drawer import open_drawer, selected_in_address
from dashboard.view import choose_view
from db.analytics.scope import Period
from db.analytics.sessions import SessionCount, SessionFilter, SessionRow

PAGE_SIZE = 50
STATUSES = ("charging", "suspended", "stopping", "pending", "started", "completed", "stopped", "failed")
ORDERS = {
    "Newest first": ("start", True),
    "Oldest first": ("start", False),
    "Most energy": ("energy", True),
    "Highest cost": ("cost", True),
    "Longest": ("duration", True),
}

view = choose_view("Sessions", "Ended in the period, or running")
scope = view.scope


def choose_filter(period: Period) -> tuple[SessionFilter, str]:
    """What to list, and in which order (a key of `ORDERS`)."""
    with st.grid(3, min_column_width=140, gap="small"):
        statuses = st.multiselect(
            "Status",
            STATUSES,
            format_func=formats.words,
            placeholder="Any status",
            key="status",
            bind="query-params",
            persist_state="session",
        )
        search = st.text_input(
            "Search",
            placeholder="Transaction, id tag or station",
            max_chars=100,
            key="search",
            bind="query-params",
            persist_state="session",
        )
        order = st.selectbox("Order", list(ORDERS), key="order", bind="query-params", persist_state="session")
    return SessionFilter(period, tuple(statuses), search=search or ""), order or "Newest first"


def sums(count: SessionCount) -> str:
    revenue = " + ".join(formats.exact_money(amount, unit) for unit, amount in sorted(count.revenue.items()))
    shown = [("session" if count.sessions == 1 else "sessions", formats.count(count.sessions))]
    if count.without_energy:
        shown.append(("without energy", formats.count(count.without_energy)))
    if count.running:
        shown.append(("running", formats.count(count.running)))
    shown.append(("delivered", formats.exact_energy(count.energy_wh)))
    shown.append(("revenue", revenue or formats.NO_DATA))
    return markup.totals(shown)


def one_zone(rows: Sequence[SessionRow]) -> str | None:
    """The short name of the clock that all rows' times are on, None where there are several."""
    zones = {row.start_time.astimezone(ZoneInfo(row.timezone)).strftime("%Z") for row in rows}
    return zones.pop() if len(zones) == 1 else None


def frame(rows: Sequence[SessionRow], zone: str | None) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Started": [_clock(row.start_time, row.timezone, is_named=zone is None) for row in rows],
            "Station": [row.station_name for row in rows],
            "Connector": [_connector(row) for row in rows],
            "Status": [formats.words(row.status) for row in rows],
            "Duration": [formats.duration(row.duration_seconds) for row in rows],
            "Energy": [None if row.energy_wh is None else row.energy_wh / 1000 for row in rows],
            "Cost": ["" if row.cost is None else formats.exact_money(row.cost, row.currency) for row in rows],
            "Ended": [formats.words(row.stop_reason) if row.stop_reason else "" for row in rows],
            "Id tag": [row.id_tag or "" for row in rows],
            "Transaction": ["" if row.transaction_id is None else str(row.transaction_id) for row in rows],
        }
    )


def _clock(at: datetime, timezone: str, *, is_named: bool) -> str:
    return at.astimezone(ZoneInfo(timezone)).strftime("%Y-%m-%d %H:%M" + (" %Z" if is_named else ""))


def _connector(row: SessionRow) -> str:
    parts = [str(row.connector_number or ""), formats.words(row.connector_type or "")]
    return " · ".join(filter(None, parts))


def table(rows: Sequence[SessionRow]) -> int | None:
    """The rows, and the one that was chosen."""
    # A new key forgets the selection, once the drawer that it opened is closed.
    zone = one_zone(rows)
    chosen = st.dataframe(
        frame(rows, zone),
        key=f"sessions-{st.session_state.get('drawers_closed', 0)}",
        hide_index=True,
        height=min(36 * len(rows) + 38, 36 * 18 + 38),
        row_height=36,
        on_select="rerun",
        selection_mode=["single-row", "single-cell"],
        column_config={
            "Started": st.column_config.TextColumn(
                f"Started ({zone})" if zone else "Started", width=140 if zone else 165
            ),
            "Connector": st.column_config.TextColumn(width=90),
            "Ended": st.column_config.TextColumn(width=140),
            "Energy": st.column_config.NumberColumn("Energy (kWh)", format="%.3f"),
        },
        alt="Charging sessions; choose a row for its bill and its meter curve",
    )
    selection = chosen["selection"]
    picked = [*selection["rows"], *(row for row, _column in selection["cells"])]
    return rows[picked[0]].pk if picked and picked[0] < len(rows) else None


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
        page = st.pagination(pages, key=f"page-{hash((wanted, order))}")
rows = loading.session_rows(scope, wanted, sort, descending, PAGE_SIZE, (page - 1) * PAGE_SIZE)
chosen = None
with slot:
    if rows:
        st.html(sums(count))
        chosen = table(rows)
        st.caption("Choose a row to see its bill and its meter curve.")
    elif view.history:
        st.html(markup.empty("No sessions match", "Choose a longer period or fewer filters."))
    else:
        st.html(
            markup.empty(
                "No charging sessions yet",
                "They appear here as soon as a charge point reports one, or with an imported history.",
            )
        )
if shown := chosen or selected_in_address():
    open_drawer(shown)
