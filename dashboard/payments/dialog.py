"""What is asked before an admin acts on a payment."""

from __future__ import annotations

import streamlit as st

from dashboard import formats, markup
from dashboard.payments import orders
from dashboard.payments.orders import Act
from dashboard.question import Answer, Dialog
from dashboard.visitor import Visitor
from db.analytics.payments import PaymentRow
from languages import N_, _
from ocpp_integration.payments.by_hand import LONGEST_REASON

TOPIC = "payment"


def _dialog(act: Act, title: str, icon: str, label: str, consequence: str, done: str) -> Dialog[PaymentRow]:
    """`consequence` says what is done, `label` what an admin has to say to it."""

    def draw(_who: Visitor, row: PaymentRow) -> None:
        held = formats.exact_money(row.held or row.amount, row.currency)
        st.html(markup.card_title(f"{held} · {row.phone}", f"{row.station_name} · {row.reference}"))
        st.markdown(_(consequence))
        st.text_input(
            _(label),
            max_chars=LONGEST_REASON,
            key="payment-reason",
            help=_("It is kept with your name."),
        )

    def do(who: Visitor, row: PaymentRow, given: Answer) -> None:
        orders.act(who, row.pk, act, given["reason"] or "")

    return Dialog(TOPIC, title, icon, draw, do, confirm=title, done=done, fields=("reason",))


ACTS = {
    "retry": _dialog(
        orders.RETRY,
        N_("Ask for the refund again"),
        "replay",
        N_("Reason"),
        N_(
            "The provider is asked for the refund once more. Look at the provider's own pages first: "
            "where the first one was made after all, the driver gets the money twice."
        ),
        N_("The refund is asked for."),
    ),
    "record": _dialog(
        orders.RECORD,
        N_("Record a refund"),
        "payments",
        N_("How it was given back"),
        N_("You say that the driver has the money back, by other means. It cannot be taken back."),
        N_("The refund is recorded."),
    ),
    "bill": _dialog(
        orders.BILL,
        N_("Bill the session"),
        "receipt",
        N_("Reason"),
        N_("What the session costs is billed now, at most what was paid; the rest is given back."),
        N_("The payment is settled."),
    ),
    "release": _dialog(
        orders.RELEASE,
        N_("Give all of it back"),
        "undo",
        N_("Reason"),
        N_(
            "Nothing is billed, and the driver gets all of it back. Where charging begins after all, it "
            "is free."
        ),
        N_("The payment is released."),
    ),
    "close": _dialog(
        orders.CLOSE,
        N_("Close it"),
        "done",
        N_("What was done about it"),
        N_(
            "The provider tells of another amount than was asked for, so nothing was booked. Give the "
            "driver back what the provider has, then close it here."
        ),
        N_("The payment is closed."),
    ),
}
