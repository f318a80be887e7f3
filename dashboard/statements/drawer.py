"""The drawer with one statement, and the button that gives it as a file."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from dashboard import downloads, markup
from dashboard.row_table import Column, row_table
from dashboard.statements import orders, rows
from dashboard.visitor import visitor
from languages import _, dates, told
from ocpp_integration.errors import IntegrationError

_SHOWN = 1_000


def open_drawer(statement_id: int) -> None:
    st.dialog(_("Statement"), width=760, position="right", icon=":material/request_quote:")(_drawer)(
        statement_id
    )


def _drawer(statement_id: int) -> None:
    try:
        found, lines = orders.look_into(visitor(), statement_id)
    except IntegrationError as error:
        st.html(markup.empty(_("No such statement"), told(str(error))))
        return
    st.html(markup.card_title(dates.told(found.month, "MMMM y"), f"{found.owner_name} · {found.name}"))
    st.html(markup.facts(rows.facts(found)))
    pdf_button(found.id, found.name, "drawer")
    if not lines:
        st.html(
            markup.empty(_("Nothing to tell"), _("No session ended in this month, and none was corrected."))
        )
        return
    money = Column(places=2)
    row_table(
        pd.DataFrame([rows.line(each) for each in lines[:_SHOWN]]),
        f"lines-{found.id}",
        _("The sessions of the statement with their amounts"),
        columns={"kWh": Column(places=3), _("Gross"): money, _("VAT"): money, _("Fee"): money},
        head=_("Session"),
        in_sight=14,
    )
    if len(lines) > _SHOWN:
        st.caption(
            _(
                "The first {shown:,} of {count:,}. The PDF file has all of them.",
                shown=_SHOWN,
                count=len(lines),
            )
        )


def pdf_button(statement_id: int, name: str, where: str) -> None:
    downloads.button(
        markup.about(_("PDF"), name),
        partial(orders.statement_file, visitor(), statement_id),
        f"{name}.pdf",
        downloads.PDF,
        key=f"pdf-{where}-{statement_id}",
    )
