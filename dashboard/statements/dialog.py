"""The drawer with one statement, and the dialog that issues those of a month: however often it is clicked, it
acts once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import partial

import pandas as pd
import streamlit as st

from dashboard import markup
from dashboard.statements import orders, rows
from dashboard.visitor import visitor
from languages import _, dates, told
from ocpp_integration.errors import IntegrationError

_QUESTION = "statement_question"
_SHOWN = 1_000


@dataclass
class Question:
    """Of which month statements are to be issued. Changed in place, so that a second click meets it."""

    month: date
    is_answered: bool = False
    is_done: bool = False
    error: str = ""


def ask(month: date) -> None:
    st.session_state[_QUESTION] = Question(month)


def show() -> None:
    question: Question | None = st.session_state.get(_QUESTION)
    if question is not None:
        st.dialog(_("Issue statements"), on_dismiss=_forget, icon=":material/request_quote:")(_body)(question)


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
    st.dataframe(
        pd.DataFrame([rows.line(each) for each in lines[:_SHOWN]]),
        key=f"lines-{found.id}",
        hide_index=True,
        height=min(36 * len(lines) + 38, 560),
        column_config={
            "kWh": st.column_config.NumberColumn(format="%.3f"),
            **{
                name: st.column_config.NumberColumn(format="%.2f")
                for name in (_("Gross"), _("VAT"), _("Fee"))
            },
        },
        alt=_("The sessions of the statement with their amounts"),
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
    st.download_button(
        _("PDF"),
        data=partial(orders.statement_file, visitor(), statement_id),
        file_name=f"{name}.pdf",
        mime="application/pdf",
        icon=":material/download:",
        type="tertiary",
        key=f"pdf-{where}-{statement_id}",
        on_click="ignore",
    )


def _forget() -> None:
    st.session_state.pop(_QUESTION, None)


def _body(question: Question) -> None:
    if question.is_answered and not question.is_done:
        _issue(question)
    if question.is_done:
        _forget()
        st.toast(_("The statements are issued."), icon=":material/check_circle:")
        st.rerun()
    if question.error:
        st.error(question.error, icon=":material/error:")
    st.markdown(
        _(
            "Each owner gets a statement of **{month}**, and of months before it that were "
            "left out. An issued statement is never changed: what is corrected later is a credit "
            "on the next one. Who has one already keeps it as it is.",
            month=dates.told(question.month, "MMMM y"),
        )
    )

    def answer() -> None:
        question.is_answered = True

    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button(_("Cancel"), key="statement-cancel"):
            _forget()
            st.rerun()
        st.button(_("Issue"), key="statement-confirm", type="primary", on_click=answer)


def _issue(question: Question) -> None:
    try:
        orders.issue(visitor(), question.month)
    except IntegrationError as error:
        question.is_answered, question.error = False, told(str(error))
    else:
        question.is_done = True
