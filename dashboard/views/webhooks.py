"""Webhooks, for admins: which recorded events are not applied, why, and another try at one of them."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from dashboard import formats, held_event, markup, resources
from dashboard.visitor import visitor
from db.engine import reading, writing
from ocpp_integration import held_events
from ocpp_integration.errors import IntegrationError
from ocpp_integration.held_events import HeldEvent

PAGE_SIZE = 20
MOST_PAGES = 50
_ASKED = "webhook_asked_about"
_STATES = {"dead": "Cannot be applied", "waiting": "Waiting"}
_NONE = {
    "dead": ("No event is dead", "Every webhook that came could be applied, or waits for its station."),
    "waiting": ("No event is waiting", "A webhook waits here as long as its station is not known."),
}


def is_admin() -> bool:
    # Asked again wherever something is shown or done: the role may have changed since the page opened.
    return visitor().user.role == "admin"


def events() -> None:
    with st.container(key="card-events"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.html(markup.card_title("Not applied", "The newest first"), width="content")
            shown = st.segmented_control(
                "State",
                list(_STATES),
                required=True,
                default="dead",
                format_func=_STATES.__getitem__,
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
        if st.button("Open", icon=":material/open_in_full:", key=f"open-{event.id}", type="tertiary"):
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
        st.toast(str(error), icon=":material/error:")
    else:
        st.toast("It is applied with the next ones.", icon=":material/check_circle:")


def look(event: HeldEvent) -> tuple[bytes, str]:
    """The event's body, and why it cannot be applied again: an empty text where it can."""
    body = b""
    try:
        with reading(resources.engine()) as store:
            body = held_events.body_of(store, event.id)
        held_events.readable(body)
    except IntegrationError as error:
        return body, str(error)
    return body, ""


@st.dialog("Webhook", on_dismiss=forget, icon=":material/webhook:", width="medium")
def show(event: HeldEvent) -> None:
    if not is_admin():
        st.rerun()
    timezone = resources.settings().timezone
    came = formats.local_time(event.received_at, timezone, seconds=True)
    st.html(markup.card_title(event.type, f"{event.station_id or 'No station'}, received {came}"))
    st.markdown(f"**{_STATES[event.state]}.**")
    st.text(event.error or "No reason is known.")
    body, hindrance = look(event)
    st.code(held_event.body(body), language="json", wrap_lines=True, height=260)
    if hindrance:
        st.info(hindrance)
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Close", key="event-close"):
            forget()
            st.rerun()
        confirmed = st.button(
            "Apply it again",
            key="event-retry",
            type="primary",
            disabled=bool(hindrance),
            on_click=retry,
            args=(event,),
        )
        if confirmed:
            st.rerun()


st.html(markup.title("Webhooks", "What the OCPP backend told and could not be applied"))
if is_admin():
    events()
    if asked := st.session_state.get(_ASKED):
        show(asked)
else:
    st.html(markup.empty("Not for you", "Only administrators see webhooks."))
