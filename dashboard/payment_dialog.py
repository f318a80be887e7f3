"""The drawer with one payment, and the dialogs in which an admin acts: each asks once, and acts once however
often it is clicked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import streamlit as st

from dashboard import formats, loading, markup, payment_orders, payment_rows
from dashboard.payment_orders import Act
from dashboard.receipt_button import receipt_button
from dashboard.visitor import visitor
from db.analytics.payments import PaymentRow
from db.models import utc_now
from ocpp_integration.errors import IntegrationError
from ocpp_integration.payments.by_hand import LONGEST_REASON

_QUESTION = "payment_question"


@dataclass(frozen=True)
class Action:
    """`ask` is on the buttons; `consequence` says what they do, and `done` what was done."""

    act: Act
    ask: str
    icon: str
    label: str
    consequence: str
    done: str


_ACTIONS = {
    "retry": Action(
        payment_orders.RETRY,
        "Ask for the refund again",
        "replay",
        "Reason",
        "The provider is asked for the refund once more. Look at the provider's own pages first: where the "
        "first one was made after all, the driver gets the money twice.",
        "The refund is asked for.",
    ),
    "record": Action(
        payment_orders.RECORD,
        "Record a refund",
        "payments",
        "How it was given back",
        "You say that the driver has the money back, by other means. It cannot be taken back.",
        "The refund is recorded.",
    ),
    "bill": Action(
        payment_orders.BILL,
        "Bill the session",
        "receipt",
        "Reason",
        "What the session costs is billed now, at most what was paid; the rest is given back.",
        "The payment is settled.",
    ),
    "release": Action(
        payment_orders.RELEASE,
        "Give all of it back",
        "undo",
        "Reason",
        "Nothing is billed, and the driver gets all of it back. Where charging begins after all, it is free.",
        "The payment is released.",
    ),
    "close": Action(
        payment_orders.CLOSE,
        "Close it",
        "done",
        "What was done about it",
        "The provider tells of another amount than was asked for, so nothing was booked. Give the driver "
        "back what the provider has, then close it here.",
        "The payment is closed.",
    ),
}


@dataclass
class Question:
    """What is being asked. One object for one opened dialog, changed in place, so that a second click meets
    it.
    """

    key: str
    row: PaymentRow
    answer: str | None = None
    is_done: bool = False
    error: str = ""


def show() -> None:
    """Open the dialog if something is being asked."""
    question: Question | None = st.session_state.get(_QUESTION)
    if question is not None:
        action = _ACTIONS[question.key]
        st.dialog(action.ask, on_dismiss=_forget, icon=f":material/{action.icon}:")(_body)(question)


@st.dialog("Payment", width=680, position="right", icon=":material/contactless:")
def open_drawer(pk: int) -> None:
    if _QUESTION in st.session_state:
        # One dialog at a time: the page opens the one that asks.
        st.rerun()
    try:
        opened = payment_orders.look_into(visitor(), pk)
    except IntegrationError:
        st.html(markup.empty("No such payment", "It does not exist, or it is not at one of your stations."))
        return
    row, now = opened.row, utc_now()
    word, _ = payment_rows.state_of(row, now)
    st.html(markup.card_title(row.station_name, f"Connector {row.connector_number} · {word}"))
    _actions(row, now)
    st.html(markup.steps([_step(each, row.timezone) for each in payment_rows.steps(row, opened.movements)]))
    st.html(markup.facts(payment_rows.facts(row)))
    if row.session_pk is not None:
        _session(row.session_pk)


def _step(each: payment_rows.Step, timezone: str) -> tuple[str, str, str, str]:
    at = formats.local_time(each.at, timezone, seconds=True) if each.at else ""
    return each.words, each.state, at, each.detail


def _session(pk: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link(
            "views/sessions.py",
            label="Its session",
            icon=":material/receipt_long:",
            query_params={"session": str(pk)},
        )
        if found := loading.session(visitor().scope, pk):
            receipt_button(found[0])


def _actions(row: PaymentRow, now: datetime) -> None:
    """For admins, where there is something to do."""
    keys = _possible(row, now)
    if not keys or not payment_orders.is_admin(visitor()):
        return
    with st.container(horizontal=True):
        for key in keys:
            action = _ACTIONS[key]
            st.button(
                action.ask,
                icon=f":material/{action.icon}:",
                key=f"payment-{key}-{row.pk}",
                on_click=_ask,
                args=(key, row),
            )


def _ask(key: str, row: PaymentRow) -> None:
    st.session_state[_QUESTION] = Question(key, row)


def _possible(row: PaymentRow, now: datetime) -> list[str]:
    if row.refund_state == "by_hand":
        return ["retry", "record"]
    if row.state == "mismatched":
        return [] if row.held else ["close"]
    if not row.is_stuck(now):
        return []
    has_bill = row.session_cost is not None and row.verdict != "held"
    return ["bill", "release"] if has_bill else ["release"]


def _forget() -> None:
    st.session_state.pop(_QUESTION, None)


def _body(question: Question) -> None:
    action, row = _ACTIONS[question.key], question.row
    if question.answer is not None and not question.is_done:
        _act(question)
    if question.is_done:
        _forget()
        st.toast(action.done, icon=":material/check_circle:")
        st.rerun()
    if question.error:
        st.error(question.error, icon=":material/error:")
    held = formats.exact_money(row.held or row.amount, row.currency)
    st.html(markup.card_title(f"{held} · {row.phone}", f"{row.station_name} · {row.reference}"))
    st.markdown(action.consequence)
    st.text_input(
        action.label,
        max_chars=LONGEST_REASON,
        key="payment-reason",
        help="It is kept with your name.",
    )

    def answer() -> None:
        if question.answer is None:
            question.answer = str(st.session_state.get("payment-reason") or "")

    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="payment-cancel"):
            _forget()
            st.rerun()
        st.button(action.ask, key="payment-confirm", type="primary", on_click=answer)


def _act(question: Question) -> None:
    try:
        payment_orders.act(visitor(), question.row.pk, _ACTIONS[question.key].act, question.answer or "")
    except IntegrationError as error:
        question.answer, question.error = None, str(error)
    else:
        question.is_done = True
