"""Controls that several pages have. What is chosen stands in the address, so a page can be bookmarked."""

from __future__ import annotations

from datetime import date, timedelta

import streamlit as st

from dashboard.periods import CHOICES, DEFAULT, History, dates_of, period_of
from db.analytics.scope import Period


def choose_period(today: date, history: History) -> tuple[str, Period]:
    """The choice (a key of `CHOICES`) and its days. In the address: `?period=7d`, or `?from=...&to=...`."""
    _adopt_address(today)
    choice = st.segmented_control(
        "Period",
        list(CHOICES),
        required=True,
        format_func=CHOICES.__getitem__,
        key="period",
        persist_state="session",
        label_visibility="collapsed",
        wrap=True,
    )
    choice = choice or DEFAULT
    dates = _choose_dates(today) if choice == "custom" else ()
    _write_address(choice, dates)
    return choice, period_of(choice, today, history, dates)


def _choose_dates(today: date) -> tuple[date, ...]:
    st.session_state.setdefault("dates", (today - timedelta(days=29), today))
    chosen = st.date_input(
        "From and to",
        max_value=today,
        format="YYYY-MM-DD",
        key="dates",
        persist_state="session",
        label_visibility="collapsed",
        width=250,
    )
    return tuple(chosen) if isinstance(chosen, tuple) else (chosen,) if chosen else ()


def _adopt_address(today: date) -> None:
    """Take over what the address says, unless it is what these controls wrote there themselves."""
    asked = (
        st.query_params.get("period", ""),
        st.query_params.get("from", ""),
        st.query_params.get("to", ""),
    )
    if any(asked) and asked != st.session_state.get("period_written"):
        dates = dates_of(asked[1], asked[2], today)
        if dates:
            st.session_state["period"], st.session_state["dates"] = "custom", dates
        elif asked[0] in CHOICES:
            st.session_state["period"] = asked[0]
    st.session_state.setdefault("period", DEFAULT)


def _write_address(choice: str, dates: tuple[date, ...]) -> None:
    written = {"from": str(min(dates)), "to": str(max(dates))} if dates else {"period": choice}
    st.session_state["period_written"] = tuple(written.get(name, "") for name in ("period", "from", "to"))
    for name in ("period", "from", "to"):
        if name in written:
            if st.query_params.get(name) != written[name]:
                st.query_params[name] = written[name]
        else:
            st.query_params.pop(name, None)
