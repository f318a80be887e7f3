"""One station: how it is now, how it did in the period, its outages and its sessions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from dashboard import explanation, figures, formats, loading, markup, station_row
from dashboard.connector_card import card
from dashboard.kpi_panel import kpi_panel
from dashboard.session_drawer import open_drawer, selected_in_address
from dashboard.session_table import session_table
from dashboard.station_list import PAGE
from dashboard.station_row import StationNow
from dashboard.timeline import timeline
from dashboard.view import View, choose_view
from dashboard.visitor import visitor
from db.analytics.availability import Outage
from db.analytics.outages import PortLog
from db.analytics.sessions import SessionFilter
from db.analytics.stations import Station

NEWEST = 10
MOST_OUTAGES = 200


def show(pk: int | None) -> None:
    """The page of a station; one that is not the visitor's does not exist."""
    st.page_link(PAGE, label="All stations", icon=":material/arrow_back:")
    places = loading.places(visitor().scope)
    if pk is None or pk not in places:
        st.html(markup.title("Stations", "One station"))
        with st.container(key="card-none"):
            st.html(markup.empty("No such station", "It does not exist, or it is not one of your stations."))
        return
    # The address names the station on, whatever else is chosen.
    st.query_params["station"] = str(pk)
    view = choose_view(places[pk].name, places[pk].city, station=pk)
    _now(pk)
    panel = kpi_panel(view)
    explanation.cards(panel.cards)
    logs = loading.port_logs(view.scope, view.period)
    _statuses(logs)
    _outages(logs)
    _sessions(view, pk)


@st.fragment(run_every=2)
def _now(pk: int) -> None:
    scope = visitor().scope.only([pk])
    station = next(iter(loading.stations(scope)), None)
    if station is None:
        st.rerun()
        return
    now = datetime.now(UTC)
    found = StationNow(station, loading.live_state(scope).connectors, station_row.NO_FIGURES)
    with st.container(key="card-station"):
        st.html(station_row.heading(found))
        st.html(markup.facts(_facts(found, now)))
    with st.grid("auto", min_column_width=290, gap="small"):
        for connector in found.connectors:
            with st.container(key=f"card-connector-{connector.pk}", height="stretch"):
                st.html(card(connector, now))


def _facts(found: StationNow, now: datetime) -> list[tuple[str, str]]:
    station = found.station
    known = [
        ("Heard", formats.ago(station.heard_at, now) if station.heard_at else "Never"),
        ("Address", ", ".join(filter(None, (found.place, station.country)))),
        ("Coordinates", _coordinates(station)),
        ("Owner", station.owner),
        ("Make", " ".join(filter(None, (station.vendor, station.model)))),
        ("Firmware", station.firmware_version),
        ("OCPP id", station.station_id),
    ]
    return [(name, value) for name, value in known if value]


def _coordinates(station: Station) -> str:
    if station.latitude is None or station.longitude is None:
        return "Not known"
    return f"{station.latitude:.5f}, {station.longitude:.5f}"


def _statuses(logs: Sequence[PortLog]) -> None:
    with st.container(key="card-timeline"):
        st.html(
            markup.card_title(
                "Statuses", "Each connector's status from when to when; hatched is not in service"
            )
        )
        explanation.button("availability", "chart-timeline")
        if not logs:
            st.html(markup.empty("Nothing observed", "No status of its connectors is known in this period."))
            return
        st.plotly_chart(
            timeline(logs),
            config=figures.CONFIG,
            key="timeline-chart",
            alt="Status of each connector over the period; its outages are listed below",
        )


def _outages(logs: Sequence[PortLog]) -> None:
    found = [(log, outage) for log in logs for outage in log.outages]
    found.sort(key=lambda each: each[1].start, reverse=True)
    with st.container(key="card-outages"):
        caption = (
            f"the newest {MOST_OUTAGES} of {len(found):,}" if len(found) > MOST_OUTAGES else "newest first"
        )
        st.html(markup.card_title("Outages", f"Faulted, unavailable or offline without a break; {caption}"))
        explanation.button("uptime_nevi", "chart-outages")
        if not found:
            st.html(markup.empty("No outage", "Its connectors were in service all the time that is known."))
            return
        rows = [_outage_row(log, outage) for log, outage in found[:MOST_OUTAGES]]
        st.dataframe(
            pd.DataFrame(rows),
            key="outages",
            hide_index=True,
            height=min(36 * len(rows) + 38, 36 * 8 + 38),
            row_height=36,
            column_config={"Connector": st.column_config.NumberColumn(width=80)},
            alt="Outages of its connectors, the newest first",
        )


def _outage_row(log: PortLog, outage: Outage) -> dict[str, object]:
    zone, length = log.port.timezone, formats.duration(int(outage.length.total_seconds()))
    return {
        "Began": formats.local_time(outage.start, zone),
        "Lasted": f"{length} so far" if outage.is_open else length,
        "Connector": log.port.number,
        "What": ", ".join(map(formats.words, outage.statuses)),
        "Error": ", ".join(code for code in outage.error_codes if code != "NoError"),
        "Not counted, because": ", ".join(log.reasons_of(outage)),
    }


def _sessions(view: View, pk: int) -> None:
    wanted = SessionFilter(view.period)
    rows = loading.session_rows(view.scope, wanted, "start", True, NEWEST, 0)
    with st.container(key="card-sessions"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.html(markup.card_title("Sessions", f"The newest {NEWEST} of the period"), width="content")
            st.page_link(
                "views/sessions.py",
                label="All of them",
                icon=":material/receipt_long:",
                query_params={"stations": str(pk)},
            )
        if rows:
            chosen = session_table(rows, "station-sessions")
        else:
            chosen = None
            st.html(markup.empty("No sessions in this period", "Choose a longer period above."))
    if shown := chosen or selected_in_address():
        open_drawer(shown)
    else:
        explanation.show(view.scope, view.period)
