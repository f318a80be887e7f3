"""The dialogs that decide about a held session: each asks once, and acts once however often it is clicked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import streamlit as st

from dashboard import markup, quarantine_orders, quarantine_rows
from dashboard.visitor import Visitor, visitor
from db.analytics.sessions import SessionRow
from languages import N_, _, told
from ocpp_integration.errors import IntegrationError
from ocpp_integration.quarantine import MAX_REASON_LENGTH

Kind = Literal["accept", "correct", "take back"]
_QUESTION = "quarantine_question"


@dataclass
class Question:
    """What is being asked. One object for one opened dialog, which remembers that it was answered.

    It is changed in place: an entry of the session's state could be lost to the run of a second click.
    """

    kind: Kind
    session: SessionRow
    answer: dict[str, Any] | None = None
    is_done: bool = False
    error: str = ""


def ask(kind: Kind, session: SessionRow) -> None:
    """Have the dialog open, and forget the last one."""
    st.session_state[_QUESTION] = Question(kind, session)


def show() -> None:
    """Open the dialog if something is being asked."""
    question: Question | None = st.session_state.get(_QUESTION)
    if question is not None:
        dialog = _DIALOGS[question.kind]
        st.dialog(_(dialog.title), on_dismiss=_forget, icon=f":material/{dialog.icon}:")(_body)(question)


def _forget() -> None:
    st.session_state.pop(_QUESTION, None)


def _body(question: Question) -> None:
    dialog, who = _DIALOGS[question.kind], visitor()
    if question.answer is not None and not question.is_done:
        _act(dialog.act, who, question)
    if question.is_done:
        _forget()
        st.toast(_(dialog.done), icon=":material/check_circle:")
        st.rerun()
    if question.error:
        st.error(question.error, icon=":material/error:")
    session = question.session
    st.html(markup.card_title(session.station_name, " ".join(quarantine_rows.reasons(session))))
    st.html(markup.facts([(fact.name, fact.value) for fact in quarantine_rows.facts(session)]))
    st.markdown(_(dialog.consequence))
    dialog.ask(question)


def _act(act: Callable[[Visitor, Question], None], who: Visitor, question: Question) -> None:
    try:
        act(who, question)
    except IntegrationError as error:
        question.answer, question.error = None, told(str(error))
    else:
        question.is_done = True


def _reason_and_buttons(question: Question, words: str, keys: tuple[str, ...] = ()) -> None:
    """The reason; Cancel, and the one that answers with it and with what the widgets of `keys` hold."""
    st.text_input(
        _("Reason"),
        max_chars=MAX_REASON_LENGTH,
        key="quarantine-reason",
        help=_("It is kept with your name, and shown to the station's owner."),
    )

    def answer() -> None:
        if question.answer is None:
            names = (*keys, "reason")
            question.answer = {key: st.session_state.get(f"quarantine-{key}") or "" for key in names}

    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button(_("Cancel"), key="quarantine-cancel"):
            _forget()
            st.rerun()
        st.button(words, key="quarantine-confirm", type="primary", on_click=answer)


def _given(question: Question, name: str) -> str:
    return str((question.answer or {}).get(name, ""))


def _ask_to_accept(question: Question) -> None:
    _reason_and_buttons(question, _("Count it as it is"))


def _accept(who: Visitor, question: Question) -> None:
    quarantine_orders.accept(who, question.session.pk, _given(question, "reason"))


def _ask_to_correct(question: Question) -> None:
    session = question.session
    suggested = quarantine_orders.suggested_kwh(visitor(), session.pk)
    if suggested:
        st.caption(
            _(
                "From where the register stood before to its stop, it took {suggested} kWh.",
                suggested=suggested,
            )
        )
    st.text_input(_("Energy (kWh)"), value=suggested, max_chars=20, key="quarantine-energy")
    st.text_input(
        _("Cost ({currency}, VAT included)", currency=session.currency),
        placeholder=_("By its price") if session.price_per_kwh is not None else "",
        max_chars=20,
        key="quarantine-cost",
    )
    _reason_and_buttons(question, _("Correct it"), ("energy", "cost"))


def _correct(who: Visitor, question: Question) -> None:
    quarantine_orders.correct(
        who,
        question.session.pk,
        _given(question, "energy"),
        _given(question, "cost"),
        _given(question, "reason"),
    )


def _ask_to_take_back(question: Question) -> None:
    _reason_and_buttons(question, _("Take it back"))


def _take_back(who: Visitor, question: Question) -> None:
    quarantine_orders.take_back(who, question.session.pk, _given(question, "reason"))


@dataclass(frozen=True)
class _Dialog:
    title: str
    icon: str
    consequence: str
    ask: Callable[[Question], None]
    act: Callable[[Visitor, Question], None]
    done: str


_DIALOGS: dict[Kind, _Dialog] = {
    "accept": _Dialog(
        N_("Accept session"),
        "check",
        N_("It will count in all figures and in the revenue, with the energy and the cost above."),
        _ask_to_accept,
        _accept,
        N_("The session counts as it is."),
    ),
    "correct": _Dialog(
        N_("Correct session"),
        "edit",
        N_("It will count with what you enter; what was reported is kept beside it."),
        _ask_to_correct,
        _correct,
        N_("The session counts as corrected."),
    ),
    "take back": _Dialog(
        N_("Take the decision back"),
        "undo",
        N_("The session is judged anew by what is known of it now, and held back if that cannot be."),
        _ask_to_take_back,
        _take_back,
        N_("The decision is taken back."),
    ),
}
