"""The dialogs that change tariffs: each asks once, and acts once however often it is clicked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from typing import Any, Literal

import streamlit as st

from dashboard import markup, resources
from dashboard.tariffs import orders
from dashboard.tariffs.form import SimpleTariff
from dashboard.visitor import Visitor, visitor
from db.access import AccessError
from languages import N_, _, told
from ocpp_integration.pricing import InvalidTariff, TariffDocument, parse
from ocpp_integration.tariff_book import AssignmentRow, TariffRefused

Kind = Literal["add", "assign", "end"]
_QUESTION = "tariff_question"
_KEY = "tariff-"
_SIMPLE, _JSON = N_("By its prices"), N_("As an OCPI document")


@dataclass
class Question:
    """What is being asked. One object for one opened dialog, which remembers that it was answered.

    It is changed in place: an entry of the session's state could be lost to the run of a second click.
    """

    kind: Kind
    target: AssignmentRow | str | None = None
    answer: dict[str, Any] | None = None
    is_done: bool = False
    error: str = ""


def ask(kind: Kind, target: AssignmentRow | str | None = None) -> None:
    """Have the dialog open, and forget the last one."""
    st.session_state[_QUESTION] = Question(kind, target)


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
        _act(dialog, who, question)
    if question.is_done:
        _forget()
        st.toast(_(dialog.done), icon=":material/check_circle:")
        st.rerun()
    if question.error:
        st.error(question.error, icon=":material/error:")
    dialog.ask(who, question)


def _act(dialog: _Dialog, who: Visitor, question: Question) -> None:
    try:
        dialog.act(who, question, question.answer or {})
    except (AccessError, InvalidTariff, TariffRefused) as error:
        reason = told(str(error))
        question.answer, question.error = None, f"{reason[:1].upper()}{reason[1:].rstrip('.')}."
    else:
        question.is_done = True


def _buttons(question: Question, words: str, keys: tuple[str, ...] = ()) -> None:
    """Cancel, and the one that answers with what the widgets of `keys` hold."""

    def answer() -> None:
        if question.answer is None:
            question.answer = {key: st.session_state.get(_KEY + key) for key in keys}

    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button(_("Cancel"), key=f"{_KEY}cancel"):
            _forget()
            st.rerun()
        st.button(words, key=f"{_KEY}confirm", type="primary", on_click=answer)


def _ask_to_add(_who: Visitor, question: Question) -> None:
    known = question.target if isinstance(question.target, str) else ""
    st.text_input(
        _("Code"),
        value=known,
        max_chars=36,
        key=f"{_KEY}code",
        help=_("What it is called through its versions. A known code gets a new version, from now on."),
    )
    st.text_input(_("Name"), placeholder=_("As it is shown"), max_chars=100, key=f"{_KEY}name")
    how = st.segmented_control(
        _("How"), [_SIMPLE, _JSON], required=True, default=_SIMPLE, format_func=_, key=f"{_KEY}how"
    )
    if how == _JSON:
        st.text_area(
            _("Tariff object of OCPI 2.2.1"),
            height=260,
            max_chars=200_000,
            key=f"{_KEY}json",
            placeholder="{…}",
        )
    else:
        _ask_for_prices()
    _buttons(question, _("Add tariff"), ("code", "name", "how", "json", *_PRICES))


_PRICES = ("currency", "price", "vat", "other", "other_price", "from", "until", "idle", "idle_fee", "grace")


def _ask_for_prices() -> None:
    settings = resources.settings()
    with st.container(horizontal=True):
        st.number_input(_("Price per kWh"), min_value=0.0, step=0.5, value=None, key=f"{_KEY}price")
        vat = float(settings.vat_percent)
        st.number_input(_("VAT in it, %"), 0.0, 100.0, value=vat, key=f"{_KEY}vat")
        st.text_input(_("Currency"), value=settings.currency, max_chars=3, key=f"{_KEY}currency")
    if st.checkbox(_("Another price at some hours"), key=f"{_KEY}other"):
        with st.container(horizontal=True):
            st.number_input(_("Price then"), min_value=0.0, step=0.5, value=None, key=f"{_KEY}other_price")
            st.time_input(_("From"), value=time(22), key=f"{_KEY}from")
            st.time_input(_("Until"), value=time(6), key=f"{_KEY}until")
    if st.checkbox(_("A fee for standing idle"), key=f"{_KEY}idle"):
        with st.container(horizontal=True):
            st.number_input(_("Fee per hour"), min_value=0.0, step=1.0, value=None, key=f"{_KEY}idle_fee")
            st.number_input(_("Free minutes before"), 0, 1440, value=15, key=f"{_KEY}grace")


def _add(who: Visitor, _question: Question, given: dict[str, Any]) -> None:
    document = parse(given["json"] or "") if given["how"] == _JSON else _from_prices(given)
    code = (given["code"] or "").strip() or document.id or ""
    orders.add(who, document, code=code, name=(given["name"] or "").strip())


def _from_prices(given: dict[str, Any]) -> TariffDocument:
    return SimpleTariff(
        currency=(given["currency"] or "").strip().upper(),
        price=_number(given, "price", _("a price per kWh is needed; 0 is free")),
        vat=_number(given, "vat", _("the VAT is needed; 0 where there is none")),
        other_price=_number(given, "other_price", _("the other price is needed")) if given["other"] else None,
        other_from=given["from"] or time(22),
        other_until=given["until"] or time(6),
        idle_fee=_number(given, "idle_fee", _("the fee for standing idle is needed"))
        if given["idle"]
        else None,
        grace_minutes=given["grace"] or 0,
    ).document()


def _number(given: dict[str, Any], key: str, lacking: str) -> Decimal:
    if given[key] is None:
        raise TariffRefused(lacking)
    return Decimal(str(given[key]))


def _ask_to_assign(who: Visitor, question: Question) -> None:
    st.html(markup.card_title(str(question.target), _("From now on, for sessions that start from now on")))
    places = orders.places(who)
    st.selectbox(
        _("Where"),
        range(len(places)),
        index=None,
        placeholder=_("A connector, a station, or all stations of an owner"),
        format_func=lambda number: places[number].name,
        key=f"{_KEY}place",
    )
    st.caption(_("A connector's own tariff comes before its station's, and that before its owner's."))
    _buttons(question, _("Assign tariff"), ("place",))


def _assign(who: Visitor, question: Question, given: dict[str, Any]) -> None:
    places = orders.places(who)
    number = given["place"]
    if number is None or number >= len(places):
        raise TariffRefused(_("choose where it is to hold"))
    orders.assign(who, str(question.target), places[number])


def _ask_to_end(_who: Visitor, question: Question) -> None:
    row = question.target
    assert isinstance(row, AssignmentRow)  # noqa: S101 - narrows the type; this kind is asked about one
    st.html(markup.card_title(row.place, row.code))
    st.markdown(
        _(
            "Sessions that start from now on are billed by the next wider tariff, or by the platform's "
            "price. Sessions that are under way keep theirs."
        )
    )
    _buttons(question, _("End assignment"))


def _end(who: Visitor, question: Question, _given: dict[str, Any]) -> None:
    assert isinstance(question.target, AssignmentRow)  # noqa: S101 - see above
    orders.end(who, question.target.id)


@dataclass(frozen=True)
class _Dialog:
    title: str
    icon: str
    ask: Callable[[Visitor, Question], None]
    act: Callable[[Visitor, Question, dict[str, Any]], None]
    done: str


_DIALOGS: dict[Kind, _Dialog] = {
    "add": _Dialog(N_("New tariff"), "sell", _ask_to_add, _add, N_("The tariff was added.")),
    "assign": _Dialog(
        N_("Assign tariff"), "add_location", _ask_to_assign, _assign, N_("The tariff holds there.")
    ),
    "end": _Dialog(N_("End assignment"), "event_busy", _ask_to_end, _end, N_("The assignment has ended.")),
}
