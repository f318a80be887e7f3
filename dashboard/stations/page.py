"""One station: how it is now, how it did in the period, its outages and its sessions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from dashboard import explanation, figures, formats, loading, markup
from dashboard.availability.outage_card import outage_card
from dashboard.connector_card import card
from dashboard.kpis.panel import kpi_panel
from dashboard.payments.codes_button import codes_button
from dashboard.sessions.drawer import open_drawer
from dashboard.sessions.table import session_table
from dashboard.stations import row
from dashboard.stations.listing import PAGE
from dashboard.stations.row import StationNow
from dashboard.stations.timeline import timeline
from dashboard.view import View, choose_view
from dashboard.visitor import visitor
from db.analytics.outages import PortLog
from db.analytics.sessions import SessionFilter
from db.analytics.stations import Station
from languages import _

NEWEST = 10


def show(pk: int | None) -> None:
    """The page of a station; one that is not the visitor's does not exist."""
    st.page_link(PAGE, label=_("All stations"), icon=":material/arrow_back:")
    places = loading.places(visitor().scope)
    if pk is None or pk not in places:
        st.html(markup.title(_("Stations"), _("One station")))
        with st.container(key="card-none"):
            st.html(
                markup.empty(_("No such station"), _("It does not exist, or it is not one of your stations."))
            )
        return
    # The address names the station on, whatever else is chosen.
    st.query_params["station"] = str(pk)
    view = choose_view(places[pk].name, places[pk].city, station=pk)
    _now(pk)
    codes_button(pk, next((each.station_id for each in loading.stations(view.scope)), str(pk)))
    panel = kpi_panel(view)
    explanation.cards(panel.cards)
    logs = loading.port_logs(view.scope, view.period)
    _statuses(logs)
    outage_card(logs)
    _sessions(view, pk)


@st.fragment(run_every=2)
def _now(pk: int) -> None:
    scope = visitor().scope.only([pk])
    station = next(iter(loading.stations(scope)), None)
    if station is None:
        st.rerun()
        return
    now = datetime.now(UTC)
    found = StationNow(station, loading.live_state(scope).connectors, row.NO_FIGURES)
    with st.container(key="card-station"):
        st.html(row.heading(found))
        st.html(markup.facts(_facts(found, now)))
    with st.grid("auto", min_column_width=290, gap="small"):
        for connector in found.connectors:
            with st.container(key=f"card-connector-{connector.pk}", height="stretch"):
                st.html(card(connector, now, with_station=False))


def _facts(found: StationNow, now: datetime) -> list[tuple[str, str]]:
    station = found.station
    known = [
        (_("Last heard"), formats.ago(station.heard_at, now) if station.heard_at else _("Never")),
        (_("Address"), ", ".join(filter(None, (found.place, station.country)))),
        (_("Coordinates"), _coordinates(station)),
        (_("Owner"), station.owner),
        (_("Make"), " ".join(filter(None, (station.vendor, station.model)))),
        (_("Firmware"), station.firmware_version),
        (_("OCPP id"), station.station_id),
    ]
    return [(name, value) for name, value in known if value]


def _coordinates(station: Station) -> str:
    if station.latitude is None or station.longitude is None:
        return _("Not known")
    return f"{station.latitude:.5f}, {station.longitude:.5f}"


def _statuses(logs: Sequence[PortLog]) -> None:
    with st.container(key="card-timeline"):
        st.html(
            markup.card_title(
                _("Statuses"), _("Each connector's status from when to when; hatched is not in service")
            )
        )
        explanation.button("availability", "chart-timeline")
        if not logs:
            st.html(
                markup.empty(_("Nothing observed"), _("No status of its connectors is known in this period."))
            )
            return
        st.plotly_chart(
            timeline(logs),
            config=figures.CONFIG,
            key="timeline-chart",
            alt=_("Status of each connector over the period; its outages are listed below"),
        )


def _sessions(view: View, pk: int) -> None:
    wanted = SessionFilter(view.period)
    rows = loading.session_rows(view.scope, wanted, "start", True, NEWEST, 0)
    with st.container(key="card-sessions"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.html(
                markup.card_title(_("Sessions"), _("The newest {newest} of the period", newest=NEWEST)),
                width="content",
            )
            st.page_link(
                "views/sessions.py",
                label=_("All sessions"),
                icon=":material/receipt_long:",
                query_params={"stations": str(pk)},
            )
        if rows:
            chosen = session_table(rows, "station-sessions", with_station=False)
        else:
            chosen = None
            st.html(markup.empty(_("No sessions in this period"), _("Choose a longer period above.")))
    if chosen:
        open_drawer(chosen)
    else:
        explanation.show(view)
