"""The button that gives the printable sheet of a station's codes."""

from __future__ import annotations

from functools import partial

from dashboard import downloads
from dashboard.payments import orders
from dashboard.visitor import visitor
from languages import _


def codes_button(station_pk: int, station_id: str) -> None:
    """Nothing where no payments are taken: its codes would lead nowhere."""
    if not orders.are_taken():
        return
    downloads.button(
        _("Codes to print"),
        partial(orders.codes_file, visitor(), station_pk),
        f"codes-{station_id}.pdf",
        downloads.PDF,
        key=f"codes-{station_pk}",
        icon=":material/qr_code_2:",
        look="secondary",
        hint=_("A PDF file with a code for each connector, at which drivers pay by phone."),
    )
