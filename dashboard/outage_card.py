"""The outages of a station's connectors, the newest first: all columns, or on a phone those that fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from dashboard import explanation, formats, markup
from db.analytics.availability import Outage
from db.analytics.outages import PortLog

MOST = 200
_NARROW = ["Began", "Connector", "What", "Lasted"]


def outage_card(logs: Sequence[PortLog]) -> None:
    found = [(log, outage) for log in logs for outage in log.outages]
    found.sort(key=lambda each: each[1].start, reverse=True)
    shown = f"the newest {MOST} of {len(found):,}" if len(found) > MOST else "newest first"
    with st.container(key="card-outages"):
        st.html(markup.card_title("Outages", f"Faulted, unavailable or offline without a break; {shown}"))
        explanation.button("uptime_nevi", "chart-outages")
        if not found:
            st.html(markup.empty("No outage", "Its connectors were in service all the time that is known."))
            return
        rows = pd.DataFrame([_row(log, outage) for log, outage in found[:MOST]])
        short = rows.assign(Began=[_short_time(log, outage) for log, outage in found[:MOST]])[_NARROW]
        # The style sheet shows the one that fits.
        with st.container(key="wide-outages"):
            _table(rows, "outages", {"Connector": st.column_config.NumberColumn(width=80)})
        with st.container(key="narrow-outages"):
            columns = {
                "Connector": st.column_config.NumberColumn("No.", width=40),
                "Began": st.column_config.TextColumn(width=88),
            }
            _table(short, "outages-narrow", columns)


def _table(rows: pd.DataFrame, key: str, columns: dict[str, Any]) -> None:
    st.dataframe(
        rows,
        key=key,
        hide_index=True,
        height=min(36 * len(rows) + 38, 36 * 8 + 38),
        row_height=36,
        column_config=columns,
        alt="Outages of its connectors, the newest first",
    )


def _row(log: PortLog, outage: Outage) -> dict[str, object]:
    length = formats.duration(int(outage.length.total_seconds()))
    return {
        "Began": formats.local_time(outage.start, log.port.timezone),
        "Lasted": f"{length} so far" if outage.is_open else length,
        "Connector": log.port.number,
        "What": ", ".join(map(formats.words, outage.statuses)),
        "Error": ", ".join(code for code in outage.error_codes if code != "NoError"),
        "Not counted, because": ", ".join(log.reasons_of(outage)),
    }


def _short_time(log: PortLog, outage: Outage) -> str:
    return f"{outage.start.astimezone(ZoneInfo(log.port.timezone)):%d %b %H:%M}"
