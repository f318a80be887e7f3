"""What is asked before the statements of a month are issued."""

from __future__ import annotations

from datetime import date

import streamlit as st

from dashboard.question import Answer, Dialog
from dashboard.statements import orders
from dashboard.visitor import Visitor
from languages import N_, _, dates

TOPIC = "statement"


def _ask_to_issue(_who: Visitor, month: date) -> None:
    st.markdown(
        _(
            "Each owner gets a statement of **{month}**, and of months before it that were "
            "left out. An issued statement is never changed: what is corrected later is a credit "
            "on the next one. Who has one already keeps it as it is.",
            month=dates.told(month, "MMMM y"),
        )
    )


def _issue(who: Visitor, month: date, _given: Answer) -> None:
    orders.issue(who, month)


ISSUE = Dialog[date](
    TOPIC,
    N_("Issue statements"),
    "request_quote",
    _ask_to_issue,
    _issue,
    confirm=N_("Issue"),
    done=N_("The statements are issued."),
)
