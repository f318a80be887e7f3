"""The button that gives the printable sheet of a station's codes."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dashboard.payments import orders
from dashboard.visitor import visitor
from languages import _


def codes_button(station_pk: int, station_id: str) -> None:
    """Nothing where no payments are taken: its codes would lead nowhere."""
    if not orders.are_taken():
        return
    st.download_button(
        _("Codes to print"),
        data=partial(orders.codes_file, visitor(), station_pk),
        file_name=f"codes-{station_id}.pdf",
        mime="application/pdf",
        icon=":material/qr_code_2:",
        type="tertiary",
        key=f"codes-{station_pk}",
        on_click="ignore",
        help=_("A PDF file with a code for each connector, at which drivers pay by phone."),
    )
