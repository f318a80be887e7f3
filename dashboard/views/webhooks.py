"""Webhooks, for admins: which recorded events are not applied, why, and another try at one of them."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from dashboard import formats, held_event, markup, resources
from dashboard.visitor import visitor
from db.engine import reading, writing
from languages import _, told, translated
from ocpp_integration import held_events
from ocpp_integration.errors import IntegrationError
from ocpp_integration.held_events import HeldEvent

PAGE_SIZE = 20
MOST_PAGES = 50
_ASKED = "webhook_asked_about"
_STATES = {"dead": _("Cannot be applied"), "waiting": _("Waiting")}
_NONE = {
    "dead": (_("No event is dead"), _("Every webhook that came could be applied, or waits for its station.")),
    "waiting": (_("No event is waiting"), _("A webhook waits here as long as its station is not known.")),
}


def is_admin() -> bool:
    # Asked again wherever something is shown or done: the role may have changed since the page opened.
    return visitor().user.role == "admin"


def events() -> None:
    with st.container(key="card-events"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.html(markup.card_title(_("Not applied"), _("The newest first")), width="content")
            shown = st.segmented_control(
                _("State"),
                list(_STATES),
                required=True,
                default="dead",
                format_func=translated(_STATES),
                key="state",
                bind="query-params",
                label_visibility="collapsed",
            )
        state = shown or "dead"
        slot = st.container(gap=None)
        with reading(resources.engine()) as store:
            pages = -(-held_events.count(store, state, PAGE_SIZE * MOST_PAGES) // PAGE_SIZE)
            page = st.pagination(pages, key=f"events-{state}-{pages}") if pages > 1 else 1
            found = held_events.newest(store, state, limit=PAGE_SIZE, offset=(page - 1) * PAGE_SIZE)
        with slot:
            for event in found:
                row(event)
            if not found:
                st.html(markup.empty(*_NONE[state]))


def row(event: HeldEvent) -> None:
    with st.container(key=f"row-event-{event.id}", horizontal=True, vertical_alignment="center"):
        st.html(held_event.row(event, datetime.now(UTC), resources.settings().timezone))
        if st.button(_("Open"), icon=":material/open_in_full:", key=f"open-{event.id}", type="tertiary"):
            st.session_state[_ASKED] = event
            st.rerun()


def forget() -> None:
    st.session_state.pop(_ASKED, None)


def retry(event: HeldEvent) -> None:
    who = visitor()
    forget()
    if who.user.role != "admin":
        return
    try:
        with writing(resources.engine()) as store:
            held_events.retry(store, who.user, event.id)
    except IntegrationError as error:
        st.toast(told(str(error)), icon=":material/error:")
    else:
        st.toast(_("It is applied with the next ones."), icon=":material/check_circle:")


def look(event: HeldEvent) -> tuple[bytes, str]:
    """The event's body, and why it cannot be applied again: an empty text where it can."""
    body = b""
    try:
        with reading(resources.engine()) as store:
            body = held_events.body_of(store, event.id)
        held_events.readable(body)
    except IntegrationError as error:
        return body, told(str(error))
    return body, ""


@st.dialog(_("Webhook"), on_dismiss=forget, icon=":material/webhook:", width="medium")
def show(event: HeldEvent) -> None:
    if not is_admin():
        st.rerun()
    timezone = resources.settings().timezone
    came = formats.local_time(event.received_at, timezone, seconds=True)
    st.html(
        markup.card_title(
            event.type,
            _("{station_id}, received {came}", station_id=event.station_id or _("No station"), came=came),
        )
    )
    st.markdown(f"**{_STATES[event.state]}.**")
    st.text(told(event.error) if event.error else _("No reason is known."))
    body, hindrance = look(event)
    st.code(held_event.body(body), language="json", wrap_lines=True, height=260)
    if hindrance:
        st.info(hindrance)
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button(_("Close"), key="event-close"):
            forget()
            st.rerun()
        confirmed = st.button(
            _("Apply it again"),
            key="event-retry",
            type="primary",
            disabled=bool(hindrance),
            on_click=retry,
            args=(event,),
        )
        if confirmed:
            st.rerun()


st.html(markup.title(_("Webhooks"), _("What the OCPP backend told and could not be applied")))
if is_admin():
    events()
    if asked := st.session_state.get(_ASKED):
        show(asked)
else:
    st.html(markup.empty(_("Not for you"), _("Only administrators see webhooks.")))
