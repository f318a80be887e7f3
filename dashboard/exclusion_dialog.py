"""The dialogs that exclude outages and take that back: each shows what it changes, and acts once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import streamlit as st

from dashboard import exclusion_orders, formats, loading, markup, resources
from dashboard.exclusion_orders import Draft
from dashboard.visitor import Visitor, visitor
from db.analytics.exclusions import MAX_NOTES, REASONS, Exclusion, ExclusionRefused
from db.models import utc_now
from languages import _, told

_QUESTION = "exclusion_question"
_FIELDS = ("station", "connector", "start", "end", "reason", "notes")


@dataclass
class Question:
    """One object for one opened dialog, which remembers what was filled in and that it was answered.

    `draft` is what the form held last, `is_reviewed` whether it is shown to be confirmed.
    """

    draft: Draft
    target: Exclusion | None = None
    is_reviewed: bool = False
    is_confirmed: bool = False
    is_done: bool = False
    error: str = ""


def ask_to_enter(draft: Draft | None = None) -> None:
    """Have the form open, filled in with `draft`."""
    st.session_state[_QUESTION] = Question(draft or Draft(None, None, None, None, "maintenance"))


def ask_to_revoke(target: Exclusion) -> None:
    draft = Draft(target.station_pk, target.connector_pk, None, None, target.reason)
    st.session_state[_QUESTION] = Question(draft, target)


def show() -> None:
    """Open the dialog if something is being asked."""
    question: Question | None = st.session_state.get(_QUESTION)
    if question is None:
        return
    title, icon, body = (
        (_("Exclude outages"), "event_busy", _entering)
        if question.target is None
        else (_("Revoke exclusion"), "event_available", _revoking)
    )
    st.dialog(title, on_dismiss=_forget, icon=f":material/{icon}:")(body)(question)


def _forget() -> None:
    st.session_state.pop(_QUESTION, None)


def _entering(question: Question) -> None:
    who = visitor()
    if question.is_confirmed and not question.is_done:
        _act(question, lambda: exclusion_orders.enter(who, question.draft))
    _leave_if_done(question, _("The outages of that time no longer count."))
    if question.is_reviewed:
        _review(who, question)
    if not question.is_reviewed:
        _form(question)


def _revoking(question: Question) -> None:
    who, target = visitor(), question.target
    assert target is not None  # noqa: S101 - narrows the type; this dialog is asked about one
    if question.is_confirmed and not question.is_done:
        _act(question, lambda: exclusion_orders.revoke(who, target.pk))
    _leave_if_done(question, _("The exclusion is revoked."))
    _error(question)
    st.html(markup.card_title(f"{target.station_name} · {connector_of(target)}", times_of(target)))
    st.markdown(_("The outages of that time count again, at once. What was entered stays in the log."))
    _buttons(question, _("Revoke exclusion"), _confirm)


def connector_of(exclusion: Exclusion) -> str:
    number = exclusion.connector_number
    return _("all connectors") if number is None else _("connector {number}", number=number)


def times_of(exclusion: Exclusion) -> str:
    begun = formats.local_time(exclusion.start, exclusion.timezone)
    return f"{begun} – {formats.local_time(exclusion.end, exclusion.timezone)}"


def _act(question: Question, act: Callable[[], None]) -> None:
    try:
        act()
    except ExclusionRefused as error:
        question.is_confirmed = question.is_reviewed = False
        question.error = _sentence(error)
    else:
        question.is_done = True


def _leave_if_done(question: Question, words: str) -> None:
    if question.is_done:
        _forget()
        st.toast(words, icon=":material/check_circle:")
        st.rerun()


def _error(question: Question) -> None:
    if question.error:
        st.error(question.error, icon=":material/error:")


def _sentence(error: ExclusionRefused) -> str:
    reason = told(str(error))
    return f"{reason[:1].upper()}{reason[1:].rstrip('.')}."


def _review(who: Visitor, question: Question) -> None:
    """What would be excluded, to be confirmed; with an error there is the form again."""
    try:
        found = exclusion_orders.review(who, question.draft)
    except ExclusionRefused as error:
        question.is_reviewed, question.error = False, _sentence(error)
        return
    begun = formats.local_time(found.span.start, found.timezone)
    st.html(markup.card_title(found.where, f"{begun} – {formats.local_time(found.span.end, found.timezone)}"))
    down = formats.duration(int(found.down.total_seconds()))
    st.html(
        markup.facts(
            [
                (_("Reason"), _(REASONS[question.draft.reason]).capitalize()),
                (_("Down in that time"), down if found.down else _("Nothing so far")),
                (_("By"), who.user.user_name),
            ]
        )
    )
    if question.draft.notes:
        st.text(question.draft.notes)

    def back() -> None:
        question.is_reviewed = False

    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button(_("Back"), key="exclusion-back", on_click=back)
        st.button(_("Exclude"), key="exclusion-confirm", type="primary", on_click=_confirm, args=(question,))


def _confirm(question: Question) -> None:
    question.is_confirmed = True


def _form(question: Question) -> None:
    draft, who = question.draft, visitor()
    places = loading.places(who.scope)
    _error(question)
    pks = list(places)
    station = st.selectbox(
        _("Station"),
        pks,
        index=pks.index(draft.station_pk) if draft.station_pk in places else None,
        format_func=lambda pk: places[pk].label,
        placeholder=_("Choose a station"),
        key="exclusion-station",
    )
    numbers = {} if station is None else exclusion_orders.connectors(who, station)
    choices = [None, *numbers]
    st.selectbox(
        _("Connector"),
        choices,
        index=choices.index(draft.connector_pk) if draft.connector_pk in numbers else 0,
        format_func=lambda pk: (
            _("All connectors") if pk is None else _("Connector {numbers}", numbers=numbers[pk])
        ),
        placeholder=_("Choose an option"),
        key="exclusion-connector",
    )
    start, end = _times(draft)
    with st.container(horizontal=True):
        st.datetime_input(_("From"), start, format="YYYY-MM-DD", step=60, key="exclusion-start")
        st.datetime_input(_("Until"), end, format="YYYY-MM-DD", step=60, key="exclusion-end")
    st.caption(_("Times of the station's clock. A time to come is a maintenance window."))
    reasons = list(REASONS)
    st.selectbox(
        _("Reason"),
        reasons,
        index=reasons.index(draft.reason),
        format_func=lambda reason: _(REASONS[reason]).capitalize(),
        placeholder=_("Choose an option"),
        key="exclusion-reason",
    )
    st.text_area(
        _("Notes"),
        draft.notes,
        max_chars=MAX_NOTES,
        placeholder=_("Ticket, report of the utility, who was told"),
        height=80,
        key="exclusion-notes",
    )
    _buttons(question, _("Review"), _take)


def _times(draft: Draft) -> tuple[datetime, datetime]:
    """Those of the draft, else the last full hour of the installation's clock, since no station is chosen."""
    now = utc_now().astimezone(resources.settings().zone)
    hour = now.replace(minute=0, second=0, microsecond=0, tzinfo=None)
    return draft.start or hour - timedelta(hours=1), draft.end or hour


def _take(question: Question) -> None:
    """Keep what the form holds: its widgets forget it once they are not shown."""
    given = {name: st.session_state.get(f"exclusion-{name}") for name in _FIELDS}
    question.draft = Draft(
        station_pk=given["station"],
        connector_pk=given["connector"],
        start=given["start"],
        end=given["end"],
        reason=given["reason"] or "",
        notes=given["notes"] or "",
    )
    question.error, question.is_reviewed = "", True


def _buttons(question: Question, words: str, answer: Callable[[Question], None]) -> None:
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button(_("Cancel"), key="exclusion-cancel"):
            _forget()
            st.rerun()
        st.button(words, key="exclusion-next", type="primary", on_click=answer, args=(question,))
