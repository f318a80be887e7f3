"""What the OCPP log is searched for, kept in the address, and the way through its pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import streamlit as st

from dashboard import choices, loading, resources
from dashboard.time_choice import ChosenTime, choose_time
from db.analytics.scope import Scope
from db.engine import reading
from db.models import OCPPLog
from db.ocpp_log import LogSearch
from db.searching import sought
from languages import N_, _, translated
from ocpp_integration import frame_log
from ocpp_integration.naming import told_apart

PAGE_SIZE = 50
KINDS = {"frames": N_("OCPP messages"), "events": N_("Events of the backend")}
# Where each page begins that was left for an older one; the last is the one in sight.
_PAGES = "log_pages"
_ASKED = "log_asked"


@dataclass(frozen=True)
class Asked:
    """`error` is empty, a code, or `frame_log.ANY_ERROR`."""

    station_id: str = ""
    action: str = ""
    error: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def frames(self, *, before: int | None) -> frame_log.Search:
        return frame_log.Search(
            self.station_id, self.action, self.error, self.since, self.until, before, PAGE_SIZE
        )

    def events(self, *, before: int | None) -> LogSearch:
        """One more than a page, so that it is known whether there is a next one."""
        return LogSearch(
            station_id=self.station_id,
            action=self.action,
            only_trouble=bool(self.error),
            since=self.since,
            until=self.until,
            before=_place(before),
            limit=PAGE_SIZE + 1,
        )


def station_names() -> dict[str, str]:
    """The names of all stations by their OCPP id, no two alike; for admins."""
    names = {station.station_id: station.name for station in loading.stations(Scope.network())}
    return told_apart(names, {station_id: station_id for station_id in names})


def choose(names: dict[str, str]) -> tuple[str, Asked]:
    """A key of `KINDS`, and what is looked for."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = choices.one(
            st.segmented_control,
            _("What"),
            KINDS,
            required=True,
            format_func=translated(KINDS),
            key="log",
            default="frames",
            label_visibility="collapsed",
        )
    with st.grid(4, min_column_width=150, gap="small"):
        station = choices.one(
            st.selectbox,
            _("Station"),
            ["", *names],
            format_func=lambda station_id: names.get(station_id, _("All stations")),
            placeholder=_("Choose an option"),
            key="log-station",
            default="",
        )
        action = st.text_input(
            _("Action"),
            placeholder=_("Such as BootNotification"),
            max_chars=50,
            key="log-action",
            bind="query-params",
        )
        error = st.text_input(
            _("Error"),
            placeholder=_("A code, or any"),
            max_chars=50,
            key="log-error",
            bind="query-params",
            help=_("An error code of OCPP such as NotImplemented, or the word any for every error."),
        )
        time = choose_time("log", default="day")
    text = sought(error or "")
    text = frame_log.ANY_ERROR if text.lower() in ("any", "true") else text
    asked = Asked(station if station in names else "", sought(action or ""), text, time.since, time.until)
    _begin_anew(kind or "frames", asked, time)
    return kind or "frames", asked


def position() -> int | None:
    """After which row the page in sight begins; None for the newest."""
    pages: list[int | None] = st.session_state[_PAGES]
    return pages[-1]


def turn_pages(older: int | None) -> None:
    """The way to older messages and back; `older` is after which row the next page begins."""
    pages: list[int | None] = st.session_state[_PAGES]
    if older is None and len(pages) == 1:
        return
    with st.container(
        key="turn-log", horizontal=True, horizontal_alignment="center", vertical_alignment="center"
    ):
        st.button(
            _("Newer"),
            icon=":material/chevron_left:",
            key="log-newer",
            type="tertiary",
            disabled=len(pages) == 1,
            on_click=_back,
        )
        st.caption(_("Page {count}", count=len(pages)), width="content")
        st.button(
            _("Older"),
            icon=":material/chevron_right:",
            key="log-older",
            type="tertiary",
            disabled=older is None,
            on_click=pages.append,
            args=(older,),
        )


def _back() -> None:
    st.session_state[_PAGES].pop()


def _begin_anew(kind: str, asked: Asked, time: ChosenTime) -> None:
    question = (kind, asked.station_id, asked.action, asked.error, time.question)
    if st.session_state.get(_ASKED) != question:
        st.session_state[_ASKED], st.session_state[_PAGES] = question, [None]


def _place(pk: int | None) -> tuple[datetime, int] | None:
    if pk is None:
        return None
    with reading(resources.engine()) as store:
        row = store.get(OCPPLog, pk)
        return (row.timestamp, row.id) if row else None
