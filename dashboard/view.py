"""What a page of figures is about: period and stations, chosen once for all pages, and kept in the address.

A page begins with `view = choose_view("Sessions", "Ended in the period")` and reads everything with
`view.scope` and `view.period`; a chart that has one asks `choose_grain(view.period)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import streamlit as st

from dashboard import address, formats, loading, markup
from dashboard.loading import Place
from dashboard.periods import AUTO, CHOICES, DEFAULT, GRAINS, History, grains_of, period_of
from dashboard.stations.naming import labels
from dashboard.visitor import visitor
from db.analytics.scope import Period, Scope
from languages import _, ngettext, translated


@dataclass(frozen=True)
class View:
    """`scope` is what the visitor may see, narrowed to `stations` where some were chosen.

    `choice` is a key of `periods.CHOICES`, `history` the days of the scope's first and last session, `today`
    the day on the stations' clock and `clock` that clock in words.
    """

    scope: Scope
    stations: tuple[int, ...]
    choice: str
    period: Period
    history: History
    today: date
    clock: str


def choose_view(title: str, about: str = "", *, station: int | None = None) -> View:
    """The head of a page: its title, with whose and which days it is about, and the controls.

    A page about one `station` has no choice of them.
    """
    who = visitor()
    places = loading.places(who.scope)
    head = st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom", key="head"
    )
    with head:
        words = st.container(width="content")
        controls = st.container(horizontal=True, width="content", vertical_alignment="center", key="filters")
    told = _adopt_address(loading.today(), places)
    with controls:
        stations = (station,) if station is not None else _choose_stations(who.scope, places)
        zones = {places[pk].timezone for pk in stations or places}
        today = loading.today(zones)
        scope = who.scope.only(stations) if stations else who.scope
        history = loading.history(scope)
        choice, dates = _choose_period(today)
    grain = st.session_state.get("by", AUTO)
    _write_address(address.write(choice, dates, () if station is not None else stations, grain))
    period = period_of(choice, today, history, dates)
    clock = clock_of(zones)
    told_of = (about or who.role, formats.days(period.start, period.end), clock)
    caption = " · ".join(filter(None, told_of))
    words.html(markup.title(title, caption))
    if told:
        st.html(markup.notice(_("Not everything in the address makes sense"), " ".join(told)))
    return View(scope, stations, choice, period, history, today, clock)


def scope_now(view: View) -> Scope:
    """For a fragment, which runs again by itself: the view's scope of who the visitor is by now."""
    scope = visitor().scope
    return scope.only(view.stations) if view.stations else scope


def address_of(view: View, page: str, **more: str) -> str:
    """The address of a page about the same days; `more` are further parts of it."""
    dates = (view.period.start, view.period.end - timedelta(days=1)) if view.choice == "custom" else ()
    return f"/{page}?{urlencode(address.write(view.choice, dates, ()) | more)}"


def choose_grain(period: Period) -> str:
    """How long a bar of a chart is: a key of `GRAINS`, of those that suit the period."""
    fitting = grains_of(period)
    kept = st.session_state.get("by")
    st.session_state["by"] = kept if kept in fitting else AUTO
    chosen = st.segmented_control(
        _("Bars"),
        fitting,
        required=True,
        format_func=translated(GRAINS),
        key="by",
        persist_state="session",
        label_visibility="collapsed",
        wrap=True,
    )
    grain = chosen if chosen in fitting else AUTO
    # The chart's fragment runs alone when its bars are chosen.
    written = {name: told for name, told in st.session_state["view_written"].items() if told and name != "by"}
    _write_address(written | ({"by": grain} if grain != AUTO else {}))
    return grain


def clock_of(zones: Iterable[str]) -> str:
    """The clock of stations in words: `EAT, UTC+3`."""
    now = datetime.now(UTC)
    words = {formats.clock(now.astimezone(ZoneInfo(zone))) for zone in zones}
    return words.pop() if len(words) == 1 else _("each on its station's clock") if words else ""


def _choose_stations(scope: Scope, places: Mapping[int, Place]) -> tuple[int, ...]:
    chosen = st.session_state.get("stations") or []
    # Those chosen before may be gone, or not this visitor's any more.
    chosen = [pk for pk in chosen if pk in places]
    st.session_state["stations"] = chosen
    if len(places) < 2:
        return ()
    named = labels(scope)
    with st.popover(_stations_label(chosen, places), icon=":material/ev_station:", key="stations-open"):
        st.multiselect(
            _("Stations"),
            list(places),
            format_func=lambda pk: named.get(pk) or places[pk].label,
            placeholder=_("All stations"),
            key="stations",
            persist_state="session",
            width=320,
        )
    return tuple(sorted(pk for pk in st.session_state["stations"] if pk in places))


def _stations_label(chosen: list[int], places: Mapping[int, Place]) -> str:
    if not chosen:
        return _("All stations")
    return (
        markup.plain(places[chosen[0]].name)
        if len(chosen) == 1
        else ngettext("{n} station", "{n} stations", len(chosen))
    )


def _choose_period(today: date) -> tuple[str, tuple[date, ...]]:
    choice = st.segmented_control(
        _("Period"),
        list(CHOICES),
        required=True,
        format_func=translated(CHOICES),
        key="period",
        persist_state="session",
        label_visibility="collapsed",
        wrap=True,
    )
    choice = choice if choice in CHOICES else DEFAULT
    return choice, _choose_dates(today) if choice == "custom" else ()


def _choose_dates(today: date) -> tuple[date, ...]:
    st.session_state["dates"] = st.session_state.get("dates") or (today - timedelta(days=29), today)
    chosen = st.date_input(
        _("From and to"),
        max_value=today,
        format="YYYY-MM-DD",
        key="dates",
        persist_state="session",
        label_visibility="collapsed",
        width=250,
    )
    return tuple(chosen) if isinstance(chosen, tuple) else (chosen,) if chosen else ()


def _adopt_address(today: date, places: Mapping[int, Place]) -> tuple[str, ...]:
    """Take over what the address says, unless it is what these controls wrote there themselves.

    Returns what was ignored of it, in words.
    """
    found = {name: st.query_params.get(name, "") for name in address.NAMES}
    # Told anew on each page: the browser's widget there is another one and knows nothing of it.
    kept = st.session_state.get("period")
    st.session_state["period"] = kept if kept in CHOICES else DEFAULT
    if not any(found.values()) or found == st.session_state.get("view_written"):
        return ()
    asked = address.read(found, today, places.keys())
    if asked.choice:
        st.session_state["period"] = asked.choice
    if asked.dates:
        st.session_state["dates"] = asked.dates
    if asked.grain:
        st.session_state["by"] = asked.grain
    if asked.stations is not None:
        st.session_state["stations"] = list(asked.stations)
    return asked.ignored


def _write_address(written: Mapping[str, str]) -> None:
    st.session_state["view_written"] = {name: written.get(name, "") for name in address.NAMES}
    for name in address.NAMES:
        if name in written:
            if st.query_params.get(name) != written[name]:
                st.query_params[name] = written[name]
        else:
            st.query_params.pop(name, None)
