"""The outages of a station's connectors, the newest first: all columns, or on a phone those that fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import explanation, formats, markup
from dashboard.availability.rows import errors_of
from db.analytics.availability import Outage
from db.analytics.outages import PortLog
from languages import N_, _

MOST = 200
_NARROW = (N_("Began"), N_("Connector"), N_("What"), N_("Lasted"))


def outage_card(logs: Sequence[PortLog]) -> None:
    found = [(log, outage) for log in logs for outage in log.outages]
    found.sort(key=lambda each: each[1].start, reverse=True)
    shown = (
        _("the newest {most} of {count:,}", most=MOST, count=len(found))
        if len(found) > MOST
        else _("newest first")
    )
    with st.container(key="card-outages"):
        st.html(
            markup.card_title(
                _("Outages"), _("Faulted, unavailable or offline without a break; {shown}", shown=shown)
            )
        )
        explanation.button("uptime_nevi", "chart-outages")
        if not found:
            st.html(
                markup.empty(_("No outage"), _("Its connectors were in service all the time that is known."))
            )
            return
        rows = pd.DataFrame([_row(log, outage) for log, outage in found[:MOST]])
        short = rows.assign(**{_("Began"): [_short_time(log, outage) for log, outage in found[:MOST]]})
        short = short[[_(name) for name in _NARROW]]
        # The style sheet shows the one that fits.
        with st.container(key="wide-outages"):
            _table(rows, "outages", {_("Connector"): st.column_config.NumberColumn(width=80)})
        with st.container(key="narrow-outages"):
            columns = {
                _("Connector"): st.column_config.NumberColumn(_("No."), width=40),
                _("Began"): st.column_config.TextColumn(width=88),
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
        alt=_("Outages of its connectors, the newest first"),
    )


def _row(log: PortLog, outage: Outage) -> dict[str, object]:
    length = formats.duration(int(outage.length.total_seconds()))
    return {
        _("Began"): formats.local_time(outage.start, log.port.timezone),
        _("Lasted"): _("{length} so far", length=length) if outage.is_open else length,
        _("Connector"): log.port.number,
        _("What"): ", ".join(map(formats.words, outage.statuses)),
        _("Error"): errors_of(outage),
        _("Not counted, because"): ", ".join(map(_, log.reasons_of(outage))),
    }


def _short_time(log: PortLog, outage: Outage) -> str:
    return formats.short_time(outage.start, log.port.timezone)
