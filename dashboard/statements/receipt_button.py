"""The button that gives a session's receipt as a file."""

from __future__ import annotations

from functools import partial

from dashboard import downloads
from dashboard.statements import orders
from dashboard.visitor import visitor
from db.analytics.outcome import ENDED_STATUSES
from db.analytics.sessions import SessionRow
from languages import _


def receipt_button(row: SessionRow) -> None:
    """Nothing where there is no receipt to give: it runs, is held back, or has no bill."""
    if row.status not in ENDED_STATUSES or row.is_held or row.cost is None or row.stop_time is None:
        return
    downloads.button(
        _("Receipt"),
        partial(orders.receipt_file, visitor(), row.pk),
        f"receipt-{row.transaction_id or row.pk}.pdf",
        downloads.PDF,
        key=f"receipt-{row.pk}",
        icon=":material/receipt:",
        look="secondary",
        hint=_("A PDF file. The receipt gets its number when it is first asked for."),
    )
