"""The list of stations with its filters, and the map of those that are listed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from dashboard import choices, figures, loading, markup
from dashboard.paging import choose_page
from dashboard.room import is_narrow
from dashboard.search_box import search_box
from dashboard.stations import map as station_map
from dashboard.stations import row
from dashboard.stations.row import ORDERS, STATES, StationNow
from dashboard.view import View, choose_view, scope_now
from dashboard.visitor import visitor
from db.analytics.live import LiveConnector
from db.analytics.scope import Period, Scope
from languages import _, ngettext, translated

PAGE = "views/stations.py"
PAGE_SIZE = 25


def show() -> None:
    view = choose_view(_("Stations"))
    with st.container(key="card-filter"):
        kinds, text, order = _choose()
    slot = st.container(key="card-stations", gap=None)
    _map(view, kinds, text)
    with slot:
        _rows(view, kinds, text, order)


def stations_now(scope: Scope, period: Period) -> list[StationNow]:
    """Every station in scope with its connectors as they are and the period's figures."""
    sums = loading.figures_by_station(scope, period)
    connectors: dict[int, list[LiveConnector]] = {}
    for connector in loading.live_state(scope).connectors:
        connectors.setdefault(connector.station_pk, []).append(connector)
    return [
        StationNow(station, connectors.get(station.pk, []), sums.get(station.pk) or row.NO_FIGURES)
        for station in loading.stations(scope)
    ]


def _choose() -> tuple[list[str], str, str]:
    with st.container(horizontal=True, vertical_alignment="center"):
        text = search_box(_("Name, place or id"), key="station-find", width=240)
        order = choices.one(
            st.selectbox,
            _("Order"),
            ORDERS,
            format_func=_,
            placeholder=_("Choose an option"),
            key="station-order",
            default=next(iter(ORDERS)),
            label_visibility="collapsed",
            width=210,
        )
        kinds = choices.several(
            st.pills,
            _("State"),
            STATES,
            selection_mode="multi",
            format_func=translated(STATES),
            key="station-state",
            label_visibility="collapsed",
            wrap=True,
        )
    return kinds, text, order if order in ORDERS else next(iter(ORDERS))


def _wanted(scope: Scope, period: Period, kinds: Sequence[str], text: str) -> list[StationNow]:
    return [found for found in stations_now(scope, period) if found.matches(kinds, text)]


@st.fragment(run_every=5)
def _rows(view: View, kinds: Sequence[str], text: str, order: str) -> None:
    who = visitor()
    found = _wanted(scope_now(view), view.period, kinds, text)
    found.sort(key=ORDERS[order].key, reverse=ORDERS[order].descending)  # type: ignore[arg-type]
    st.html(_sums(found))
    pages = max(1, -(-len(found) // PAGE_SIZE))
    slot = st.container(gap=None)
    page = choose_page(pages, f"stations-{pages}", _("Stations"))
    now = datetime.now(UTC)
    with slot:
        for station in found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]:
            _row(station, now, with_owner=who.is_admin)
        if not found:
            st.html(_nothing(bool(kinds or text or view.stations)))


def _row(found: StationNow, now: datetime, *, with_owner: bool) -> None:
    with st.container(key=f"row-station-{found.station.pk}", horizontal=True, vertical_alignment="center"):
        st.html(row.row(found, now, with_owner=with_owner))
        st.page_link(
            PAGE,
            label=markup.about(_("Open"), found.station.name),
            icon=":material/chevron_right:",
            query_params={"station": str(found.station.pk)},
        )


def _sums(found: Sequence[StationNow]) -> str:
    connectors = [connector for each in found for connector in each.connectors]
    return markup.totals(
        [
            (ngettext("station", "stations", len(found)), f"{len(found):,}"),
            (ngettext("connector", "connectors", len(connectors)), f"{len(connectors):,}"),
            *((words, count) for count, words in row.counted(connectors)),
        ]
    )


def _nothing(is_filtered: bool) -> str:
    if is_filtered:
        return markup.empty(
            _("No station matches"), _("Choose other states or stations, or clear the search.")
        )
    return none_yet()


def none_yet() -> str:
    """What the visitor is told who has no station, and what to do about it."""
    return markup.empty(
        _("No stations yet"),
        _(
            "Take them from MengedMate, or import them with python manage.py import-stations; they are here "
            "once they were synced to the OCPP backend."
        )
        if visitor().is_admin
        else _("They are here as soon as an administrator has added them."),
    )


def _map(view: View, kinds: Sequence[str], text: str) -> None:
    found = _wanted(view.scope, view.period, kinds, text)
    shown = station_map.located(found)
    if not found:
        return
    with st.container(key="card-map"):
        missing = len(found) - len(shown)
        without = (
            _(
                "; {missing} of {count} without coordinates are in the list only",
                missing=missing,
                count=len(found),
            )
            if missing
            else ""
        )
        st.html(
            markup.card_title(
                _("Map"), _("The listed stations, choose one to open it{without}", without=without)
            )
        )
        if not shown:
            st.html(markup.empty(_("No coordinates"), _("None of the listed stations says where it is.")))
            return
        chosen = st.plotly_chart(
            station_map.station_map(shown, station_map.NARROW if is_narrow() else station_map.WIDE),
            config=figures.CONFIG,
            # Of other stations it is another map, of which no point has been chosen.
            key=f"map-{hash(tuple(each.station.pk for each in shown))}",
            on_select="rerun",
            selection_mode="points",
            alt=_("Map of {count} stations by their state; the list has the same in words", count=len(shown)),
        )
    if points := chosen["selection"]["points"]:
        _go_to(str(points[0].get("customdata", "")).split(","), len(shown))


def _go_to(pks: Sequence[str], shown: int) -> None:
    """To the station's page; where several are one point, to a map of these alone."""
    if len(pks) == 1:
        st.switch_page(PAGE, query_params={"station": pks[0]})
    elif len(pks) < shown:
        st.switch_page(PAGE, query_params={"stations": ",".join(pks)})
