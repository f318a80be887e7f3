"""Dialogs that ask once, and act once however often they are clicked.

A topic says what it asks, each time as a `Dialog`. `ask` has one open, and the topic's page calls `show`. Who
looks is found anew on each run, and what acts asks for the role itself. A refusal is told in the dialog, and
what was typed stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import streamlit as st

from dashboard import markup
from dashboard.visitor import Visitor, visitor
from db.access import AccessError
from db.analytics.exclusions import ExclusionRefused
from db.texts import TextRefused, check
from languages import _, told
from ocpp_integration.errors import IntegrationError
from ocpp_integration.pricing import WHOLE, InvalidTariff
from ocpp_integration.tariff_book import TariffRefused

# What the domain raises, in words for people.
Refused = (AccessError, ExclusionRefused, IntegrationError, InvalidTariff, TariffRefused, TextRefused)
_QUESTION = "question"

T = TypeVar("T")
Answer = dict[str, Any]


@dataclass(frozen=True)
class Dialog(Generic[T]):
    """What is asked about a `T`; its texts are yet to be translated.

    `draw` shows what it is about, and the widgets of `fields`, whose keys are `<topic>-<field>`. `act` is
    given what these held. It raises one of `Refused`, and returns what is to be asked next, if anything is.

    `confirm` is on the button that acts, `key` its name; `done` is said afterwards. `back` leads to another
    question instead of away. What is not `dismissible` has no way out but to confirm.
    """

    topic: str
    title: str
    icon: str
    draw: Callable[[Visitor, T], None]
    act: Callable[[Visitor, T, Answer], Question[Any] | None]
    confirm: str
    done: str = ""
    fields: tuple[str, ...] = ()
    key: str = "confirm"
    back: Callable[[T], Question[Any]] | None = None
    dismissible: bool = True


@dataclass
class Question(Generic[T]):
    """One object for one opened dialog, which remembers that it was answered.

    It is changed in place: an entry of the session's state could be lost to the run of a second click.
    """

    dialog: Dialog[T]
    target: T = field(repr=False)
    answer: Answer | None = field(default=None, repr=False)
    is_done: bool = False
    error: str = ""
    next: Question[Any] | None = None


def ask(dialog: Dialog[T], target: T) -> None:
    """Have the dialog open, and forget the last one."""
    st.session_state[_QUESTION] = Question(dialog, target)


def is_asked(topic: str) -> bool:
    question = _current()
    return question is not None and question.dialog.topic == topic


def show(topic: str) -> None:
    """Open the dialog if something of the topic is being asked."""
    question = _current()
    if question is None or question.dialog.topic != topic:
        return
    dialog = question.dialog
    st.dialog(
        _(dialog.title), on_dismiss=forget, icon=f":material/{dialog.icon}:", dismissible=dialog.dismissible
    )(_body)(question)


def forget() -> None:
    st.session_state.pop(_QUESTION, None)


def sentence(refused: Exception) -> str:
    """A refusal in the visitor's language, as a sentence of Markdown: it may quote what somebody typed."""
    if isinstance(refused, InvalidTariff):
        return _by_place(refused)
    return markup.plain(_sentence(told(str(refused))))


def _by_place(refused: InvalidTariff) -> str:
    """What is wrong at each place of a document, a line each."""
    wrong = {place: " ".join(map(told, reasons)) for place, reasons in refused.errors.items()}
    if wrong.keys() == {WHOLE}:
        return markup.plain(_sentence(wrong[WHOLE]))
    return "\n".join(f"- **{markup.plain(place)}**: {markup.plain(words)}" for place, words in wrong.items())


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:].rstrip('.')}."


def _current() -> Question[Any] | None:
    question: Question[Any] | None = st.session_state.get(_QUESTION)
    while question is not None and question.next is not None:
        question = question.next
    return question


def _body(question: Question[Any]) -> None:
    who, dialog = visitor(), question.dialog
    if question.answer is not None and not question.is_done:
        _act(who, question)
    if question.is_done or question.next is not None:
        _leave(question)
    place = st.empty()
    try:
        dialog.draw(who, question.target)
    except Refused as refused:
        question.error = sentence(refused)
    if question.error:
        place.error(question.error, icon=":material/error:")
    _buttons(question)


def _act(who: Visitor, question: Question[Any]) -> None:
    given = question.answer or {}
    try:
        check(given.values())
        question.next = question.dialog.act(who, question.target, given)
    except Refused as refused:
        question.answer, question.error = None, sentence(refused)
    else:
        # No longer than needed: it may hold a password.
        question.answer, question.is_done = {}, True


def _leave(question: Question[Any]) -> None:
    if question.next is None:
        forget()
    if question.is_done and question.dialog.done:
        st.toast(_(question.dialog.done), icon=":material/check_circle:")
    st.rerun()


def _buttons(question: Question[Any]) -> None:
    dialog = question.dialog

    def answer() -> None:
        if question.answer is None and question.next is None:
            names = dialog.fields
            question.answer = {name: st.session_state.get(f"{dialog.topic}-{name}") for name in names}

    def back() -> None:
        if dialog.back is not None and question.answer is None:
            question.next = dialog.back(question.target)

    with st.container(horizontal=True, horizontal_alignment="right"):
        if dialog.back is not None:
            st.button(_("Back"), key=f"{dialog.topic}-back", on_click=back)
        elif dialog.dismissible and st.button(_("Cancel"), key=f"{dialog.topic}-cancel"):
            forget()
            st.rerun()
        st.button(_(dialog.confirm), key=f"{dialog.topic}-{dialog.key}", type="primary", on_click=answer)
