"""What is asked before outages are excluded, and before that is taken back: each shows what it changes."""

from __future__ import annotations

from datetime import datetime, timedelta

import streamlit as st

from dashboard import formats, markup, resources
from dashboard.exclusions import orders
from dashboard.exclusions.orders import Draft
from dashboard.question import Answer, Dialog, Question
from dashboard.stations.naming import labels
from dashboard.visitor import Visitor
from db.analytics.exclusions import MAX_NOTES, REASONS, Exclusion
from db.models import utc_now
from languages import N_, _

TOPIC = "exclusion"
EMPTY = Draft(None, None, None, None, "maintenance")


def _form(who: Visitor, draft: Draft) -> None:
    stations = labels(who.scope)
    pks = list(stations)
    station = st.selectbox(
        _("Station"),
        pks,
        index=pks.index(draft.station_pk) if draft.station_pk in stations else None,
        format_func=stations.__getitem__,
        placeholder=_("Choose a station"),
        key="exclusion-station",
    )
    numbers = {} if station is None else orders.connectors(who, station)
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


def _times(draft: Draft) -> tuple[datetime, datetime]:
    """Those of the draft, else the last full hour of the installation's clock, since no station is chosen."""
    now = utc_now().astimezone(resources.settings().zone)
    hour = now.replace(minute=0, second=0, microsecond=0, tzinfo=None)
    return draft.start or hour - timedelta(hours=1), draft.end or hour


def _look(who: Visitor, _before: Draft, given: Answer) -> Question[Draft]:
    """What the form holds, once it can be entered, is shown to be confirmed."""
    draft = Draft(
        station_pk=given["station"],
        connector_pk=given["connector"],
        start=given["start"],
        end=given["end"],
        reason=given["reason"] or "",
        notes=given["notes"] or "",
    )
    orders.review(who, draft)
    return Question(_CONFIRM, draft)


def _review(who: Visitor, draft: Draft) -> None:
    found = orders.review(who, draft)
    begun = formats.local_time(found.span.start, found.timezone)
    st.html(markup.card_title(found.where, f"{begun} – {formats.local_time(found.span.end, found.timezone)}"))
    down = formats.duration(int(found.down.total_seconds()))
    st.html(
        markup.facts(
            [
                (_("Reason"), _(REASONS[draft.reason]).capitalize()),
                (_("Down in that time"), down if found.down else _("Nothing so far")),
                (_("By"), who.user.user_name),
            ]
        )
    )
    if draft.notes:
        st.text(draft.notes)


def _ask_to_revoke(_who: Visitor, target: Exclusion) -> None:
    st.html(markup.card_title(f"{target.station_name} · {connector_of(target)}", times_of(target)))
    st.markdown(_("The outages of that time count again, at once. What was entered stays in the log."))


def connector_of(exclusion: Exclusion) -> str:
    number = exclusion.connector_number
    return _("all connectors") if number is None else _("connector {number}", number=number)


def times_of(exclusion: Exclusion) -> str:
    begun = formats.local_time(exclusion.start, exclusion.timezone)
    return f"{begun} – {formats.local_time(exclusion.end, exclusion.timezone)}"


ENTER = Dialog[Draft](
    TOPIC,
    N_("Exclude outages"),
    "event_busy",
    _form,
    _look,
    confirm=N_("Review"),
    fields=("station", "connector", "start", "end", "reason", "notes"),
    # Not that of the question after it: a second click would confirm what nobody has read.
    key="next",
)
_CONFIRM = Dialog[Draft](
    TOPIC,
    N_("Exclude outages"),
    "event_busy",
    _review,
    lambda who, draft, _given: orders.enter(who, draft),
    confirm=N_("Exclude"),
    done=N_("The outages of that time no longer count."),
    back=lambda draft: Question(ENTER, draft),
)
REVOKE = Dialog[Exclusion](
    TOPIC,
    N_("Revoke exclusion"),
    "event_available",
    _ask_to_revoke,
    lambda who, target, _given: orders.revoke(who, target.pk),
    confirm=N_("Revoke exclusion"),
    done=N_("The exclusion is revoked."),
)
