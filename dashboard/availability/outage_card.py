"""The outages of a station's connectors, the newest first."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard import explanation, formats, markup
from dashboard.availability.rows import clock, errors_of
from dashboard.row_table import Column, row_table
from db.analytics.availability import Outage
from db.analytics.outages import PortLog
from languages import _

MOST = 200


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
        row_table(
            rows,
            "outages",
            _("Outages of its connectors, the newest first"),
            columns={_("Connector"): Column(width=80, alignment="left")},
            in_sight=8,
        )


def _row(log: PortLog, outage: Outage) -> dict[str, object]:
    length = formats.duration(int(outage.length.total_seconds()))
    return {
        _("Began"): clock(outage.start, log.port.timezone),
        _("Lasted"): _("{length} so far", length=length) if outage.is_open else length,
        _("Connector"): log.port.number,
        _("Reported"): ", ".join(map(formats.words, outage.statuses)),
        _("Error"): errors_of(outage),
        _("Why it does not count"): ", ".join(map(_, log.reasons_of(outage))),
    }
