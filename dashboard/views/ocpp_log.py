"""OCPP log, for admins: every message of the charge points with its answer, and what the backend told us."""

from __future__ import annotations

import streamlit as st

from dashboard import formats, markup, resources
from dashboard.ocpp_log import rows, search
from dashboard.ocpp_log.search import Asked
from dashboard.opened import Opened
from dashboard.visitor import visitor
from db import ocpp_log
from db.engine import reading
from db.models import OCPPLog
from languages import _, told
from ocpp_integration import frame_log
from ocpp_integration.errors import BackendError, BackendRefused
from ocpp_integration.frame_log import Exchange

_opened: Opened[Exchange | OCPPLog] = Opened("log")


def frames(asked: Asked, names: dict[str, str]) -> None:
    """Exchanges from the backend, a page at a time."""
    before = search.position()
    try:
        page = frame_log.read(resources.backend(), asked.frames(before=before))
    except BackendRefused as error:
        st.html(no_frames(error))
        return
    except BackendError as error:
        st.html(
            markup.empty(
                _("The OCPP backend does not answer"), _("It keeps this log. {error}", error=told(str(error)))
            )
        )
        return
    timezone = resources.settings().timezone
    for exchange in page.exchanges:
        first = exchange.first
        html = rows.frame_row(exchange, names.get(first.station_id, first.station_id), timezone)
        row(f"frame-{first.id}", html, exchange, f"{first.action or _('Not OCPP')} {first.id}")
    if not page.exchanges:
        st.html(markup.empty(_("No message matches"), _("Choose a longer time or fewer filters.")))
    search.turn_pages(page.older)


def no_frames(error: BackendRefused) -> str:
    if error.status == 404:
        return markup.empty(
            _("This backend keeps no such log"),
            _("Only the embedded one does. Events are what any backend tells."),
        )
    return markup.empty(_("The OCPP backend refused"), told(str(error)))


def events(asked: Asked, names: dict[str, str]) -> None:
    before = search.position()
    with reading(resources.engine()) as store:
        found = ocpp_log.find(store, asked.events(before=before))
    timezone = resources.settings().timezone
    for event in found[: search.PAGE_SIZE]:
        name = names.get(event.station_id or "", event.station_id or "")
        html = rows.event_row(event, name, timezone)
        row(f"logged-{event.id}", html, event, f"{formats.words(event.action)} {event.id}")
    if not found:
        st.html(markup.empty(_("No event matches"), _("Choose a longer time or fewer filters.")))
    search.turn_pages(found[search.PAGE_SIZE - 1].id if len(found) > search.PAGE_SIZE else None)


def row(key: str, html: str, opened: Exchange | OCPPLog, name: str) -> None:
    with st.container(key=f"row-{key}", horizontal=True, vertical_alignment="center"):
        st.html(html)
        words = markup.about(_("Open"), name)
        if st.button(words, icon=":material/open_in_full:", key=f"open-{key}", type="tertiary"):
            _opened.open(opened)


@st.dialog(_("OCPP log"), on_dismiss=_opened.forget, icon=":material/terminal:", width="large")
def show(opened: Exchange | OCPPLog) -> None:
    if not visitor().is_admin:
        st.rerun()
    timezone = resources.settings().timezone
    if isinstance(opened, OCPPLog):
        at = formats.local_time(opened.timestamp, timezone, seconds=True)
        st.html(markup.card_title(formats.words(opened.action), f"{opened.station_id or ''} · {at}"))
        st.code(rows.laid_out(opened.raw_data), language="json", wrap_lines=True)
    else:
        exchange(opened, timezone)
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button(_("Close"), key="log-close"):
            _opened.forget()
            st.rerun()


def exchange(opened: Exchange, timezone: str) -> None:
    first = opened.first
    st.html(
        markup.card_title(
            first.action or _("Not OCPP"), " · ".join((first.station_id, first.message_id or "–"))
        )
    )
    if opened.error:
        st.error(markup.plain(f"{opened.error_code}: {opened.error}"), icon=":material/error:")
    shown = [frame for frame in (first, opened.answer) if frame]
    for column, frame in zip(st.columns(len(shown)), shown, strict=True):
        with column:
            st.caption(rows.heading(frame, timezone))
            language = None if frame.kind == "bad" else "json"
            st.code(rows.laid_out(frame.payload or {}), language=language, wrap_lines=True, height=340)
    if opened.answer is None and first.kind == "call":
        st.caption(_("No answer is known."))


st.html(
    markup.title(
        _("OCPP log"),
        _(
            "The newest first, on the installation's clock ({timezone})",
            timezone=resources.settings().timezone,
        ),
    )
)
if visitor().is_admin:
    names = search.station_names()
    with st.container(key="card-filter"):
        kind, asked = search.choose(names)
    with st.container(key="card-log", gap=None):
        (frames if kind == "frames" else events)(asked, names)
    if found := _opened.get():
        show(found)
else:
    st.html(markup.empty(_("Not for you"), _("Only administrators see what charge points say.")))
