"""Webhooks, for admins: those that are not applied, why, and another try at one; and any other."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from dashboard import choices, formats, markup, resources
from dashboard.opened import Opened
from dashboard.paging import choose_page
from dashboard.search_box import search_box
from dashboard.visitor import visitor
from dashboard.webhooks import recorded
from db.engine import reading, writing
from languages import N_, _, told, translated
from ocpp_integration import recorded_webhooks
from ocpp_integration.errors import IntegrationError
from ocpp_integration.recorded_webhooks import Matching, RecordedWebhook, Search

PAGE_SIZE = 20
MOST_PAGES = 50
_opened: Opened[RecordedWebhook] = Opened("webhook")
_SHOWN = {"dead": N_("Cannot be applied"), "waiting": N_("Waiting"), "all": N_("All")}
_NONE = {
    "dead": (
        N_("Nothing failed"),
        N_("Every webhook that came could be applied, or waits for its station."),
    ),
    "waiting": (N_("No event is waiting"), N_("A webhook waits here as long as its station is not known.")),
    "all": (N_("No webhook has come yet"), N_("They appear here as soon as the OCPP backend sends one.")),
}


def choose() -> tuple[str, str]:
    """A key of `_SHOWN`, and the text that is looked for."""
    with st.container(horizontal=True, vertical_alignment="center"):
        shown = choices.one(
            st.segmented_control,
            _("State"),
            _SHOWN,
            required=True,
            format_func=translated(_SHOWN),
            key="state",
            default="dead",
            label_visibility="collapsed",
        )
        text = search_box(_("Station, transaction, type or event id"), width=320)
    return shown or "dead", text


def events() -> None:
    with st.container(key="card-events"):
        st.html(markup.card_title(_("Recorded webhooks"), _("The newest first")))
        shown, text = choose()
        search = Search("" if shown == "all" else shown, text)
        slot = st.container(gap=None)
        with reading(resources.engine()) as store:
            matching = Matching(store, search)
            pages = -(-matching.count(PAGE_SIZE * MOST_PAGES) // PAGE_SIZE)
            page = choose_page(pages, f"events-{hash(search)}-{pages}", _("Recorded webhooks"))
            found = matching.newest(limit=PAGE_SIZE, offset=(page - 1) * PAGE_SIZE)
        with slot:
            for event in found:
                row(event)
            if not found:
                st.html(nothing(shown, text))
        if pages == MOST_PAGES:
            st.caption(_("Older ones are found by a narrower search."))


def nothing(shown: str, text: str) -> str:
    if not text:
        return markup.empty(*map(_, _NONE[shown]))
    hint = (
        _("Look for something else.")
        if shown == "all"
        else _("Look among all of them, or for something else.")
    )
    return markup.empty(_("No webhook matches"), hint)


def row(event: RecordedWebhook) -> None:
    with st.container(key=f"row-event-{event.id}", horizontal=True, vertical_alignment="center"):
        st.html(recorded.row(event, datetime.now(UTC), resources.settings().timezone))
        words = markup.about(_("Open"), f"{event.type} {event.id}")
        if st.button(words, icon=":material/open_in_full:", key=f"open-{event.id}", type="tertiary"):
            _opened.open(event)


def retry(event: RecordedWebhook) -> None:
    who = visitor()
    _opened.forget()
    if who.user.role != "admin":
        return
    try:
        with writing(resources.engine()) as store:
            recorded_webhooks.retry(store, who.user, event.id)
    except IntegrationError as error:
        st.toast(told(str(error)), icon=":material/error:")
    else:
        st.toast(_("It is applied with the next ones."), icon=":material/check_circle:")


def look(event: RecordedWebhook) -> tuple[bytes, str]:
    """The event's body, and why a held one cannot be applied again: an empty text where it can."""
    body = b""
    try:
        with reading(resources.engine()) as store:
            body = recorded_webhooks.body_of(store, event.id)
        if event.is_held:
            recorded_webhooks.readable(body)
    except IntegrationError as error:
        return body, told(str(error))
    return body, ""


@st.dialog(_("Webhook"), on_dismiss=_opened.forget, icon=":material/webhook:", width="medium")
def show(event: RecordedWebhook) -> None:
    if not visitor().is_admin:
        st.rerun()
    timezone = resources.settings().timezone
    came = formats.local_time(event.received_at, timezone, seconds=True)
    station = event.station_id or _("No station")
    st.html(markup.card_title(event.type, _("{station_id}, received {came}", station_id=station, came=came)))
    st.markdown(f"**{_(recorded.STATES[event.state][0])}.**")
    if event.applied_at:
        st.caption(_("Applied {at}", at=formats.local_time(event.applied_at, timezone, seconds=True)))
    if event.error or event.is_held:
        st.text(told(event.error) if event.error else _("No reason is known."))
    body, hindrance = look(event)
    if body or event.is_held:
        st.code(recorded.body(body), language="json", wrap_lines=True, height=260)
    else:
        st.html(markup.empty(_("The body is gone"), _("It was applied long ago; only that it came is kept.")))
    st.caption(_("Its id"), width="content")
    st.code(event.event_key, language=None)
    if hindrance:
        st.info(hindrance)
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button(_("Close"), key="event-close"):
            _opened.forget()
            st.rerun()
        if event.is_held and st.button(
            _("Apply it again"),
            key="event-retry",
            type="primary",
            disabled=bool(hindrance),
            on_click=retry,
            args=(event,),
        ):
            st.rerun()


st.html(markup.title(_("Webhooks"), _("What the OCPP backend told, and what became of it")))
if visitor().is_admin:
    events()
    if opened := _opened.get():
        show(opened)
else:
    st.html(markup.empty(_("Not for you"), _("Only administrators see webhooks.")))
