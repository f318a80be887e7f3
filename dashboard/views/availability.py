"""Availability: how much of the time stations can be used, whether charging succeeds, and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import streamlit as st

from dashboard import downloads, explanation, figures, loading, markup
from dashboard.availability import cards, drawn
from dashboard.availability import rows as availability_rows
from dashboard.exclusions import dialog
from dashboard.exclusions.orders import Draft
from dashboard.loading import Availability, PortOutage
from dashboard.paging import choose_page
from dashboard.question import ask, show
from dashboard.row_table import Choice, Column, row_table
from dashboard.view import choose_view
from dashboard.visitor import visitor
from db.analytics.exclusions import Exclusion
from languages import _

WORST = 6
LISTED = 500
VISITS = 200
PAGE_SIZE = 10
# Of each of several lists on one page.
CARDS = 5

who = visitor()
view = choose_view(_("Availability"))
scope, period = view.scope, view.period


def head(title: str, caption: str, export: str) -> None:
    downloads.title(title, caption, export, scope, period)


def over_time(found: Availability) -> None:
    st.html(
        markup.card_title(_("Over time"), _("By {grain}; the dashed line is NEVI's 97 %", grain=_(grain)))
    )
    explanation.button("availability", "chart-over-time")
    st.plotly_chart(
        drawn.over_time(found.days, grain),
        config=figures.CONFIG,
        key="availability-chart",
        alt=_("Availability by {grain}, with the 97 % that NEVI requires as a dashed line", grain=_(grain)),
    )


def by_station(found: Availability) -> None:
    head(_("By station"), _("The least available first; bars show the time down"), "station-availability")
    explanation.button("availability", "chart-stations")
    st.html(markup.bars(availability_rows.worst_stations(found.stations[:WORST]), are_wordy=True))
    if len(found.stations) > WORST:
        all_stations(found)


@st.fragment
def all_stations(found: Availability) -> None:
    """A table that is made where it is wanted, since it is one of all stations."""
    opened = st.expander(
        _("All {count} stations", count=len(found.stations)), key="all-stations", on_change="rerun"
    )
    if not opened.open:
        return
    with opened:
        percent = Column(places=3, unit="%")
        row_table(
            drawn.stations(found.stations),
            "stations",
            _("Every station with its availability, the least available first"),
            columns={
                _("Station"): Column(pinned=True),
                _("Availability"): percent,
                _("Without excluded"): percent,
            },
        )


def outage_list(found: Availability) -> None:
    shown = found.outages[:LISTED]
    more = (
        _(", the newest {listed:,} of {count:,}", listed=LISTED, count=len(found.outages))
        if len(found.outages) > LISTED
        else ""
    )
    head(
        _("Outages"), _("Each time a connector was down, on the station's clock{more}", more=more), "outages"
    )
    if not shown:
        st.html(markup.empty(_("No outages in this period"), _("Every connector that was observed was up.")))
        return
    row_table(
        drawn.outages(found.outages, LISTED),
        "outages",
        _("Outages, the newest first, with what was reported and why they do not count"),
        columns={
            _("Connector"): Column(width=80, alignment="left"),
            _("Error"): Column(width=230),
            _("Why it does not count"): Column(width="medium"),
        },
        head=_("Station"),
        cards=CARDS,
        choice=exclude_one_of(shown) if who.is_admin else None,
    )


def exclude_one_of(outages: Sequence[PortOutage]) -> Choice:
    return Choice(
        _("Exclude"),
        ":material/event_busy:",
        lambda place: ask(dialog.ENTER, draft_of(outages[place])),
        with_one=_("Exclude this outage"),
        with_none=_("Choose an outage to exclude it"),
    )


def draft_of(each: PortOutage) -> Draft:
    """A form filled in with an outage, in whole minutes around it."""
    zone, minute = ZoneInfo(each.port.timezone), timedelta(minutes=1)
    start = each.outage.start.astimezone(zone).replace(second=0, microsecond=0, tzinfo=None)
    end = (each.outage.end.astimezone(zone) + minute - timedelta(microseconds=1)).replace(
        second=0, microsecond=0, tzinfo=None
    )
    return Draft(each.port.station_pk, each.port.connector_pk, start, end, "maintenance")


def exclusion_list(found: Sequence[Exclusion]) -> None:
    with st.container(
        horizontal=True,
        horizontal_alignment="distribute",
        vertical_alignment="center",
        key="head-exclusions",
    ):
        caption = _("Outages in these times are not held against a station by NEVI's rule")
        if found:
            head(_("Excluded"), caption, "exclusions")
        else:
            st.html(markup.card_title(_("Excluded"), caption), width="content")
        if who.is_admin and st.button(
            _("Exclude outages"), icon=":material/event_busy:", type="primary", key="new-exclusion"
        ):
            ask(dialog.ENTER, dialog.EMPTY)
    if not found:
        st.html(
            markup.empty(
                _("Nothing is excluded"),
                _("Maintenance, grid failures, vandalism and the like are entered here, with their reason.")
                if who.is_admin
                else _(
                    "An admin enters maintenance, grid failures, vandalism and the like, with their reason."
                ),
            )
        )
        return
    slot, pages = st.container(gap=None), -(-len(found) // PAGE_SIZE)
    page = choose_page(pages, f"exclusions-{pages}", _("Excluded"))
    with slot:
        for each in found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]:
            with st.container(key=f"row-exclusion-{each.pk}", horizontal=True, vertical_alignment="center"):
                st.html(availability_rows.exclusion_row(each, datetime.now(UTC)))
                if who.is_admin and st.button(
                    markup.about(_("Revoke"), f"{each.station_name} {dialog.times_of(each)}"),
                    icon=":material/event_available:",
                    key=f"revoke-{each.pk}",
                    type="tertiary",
                ):
                    ask(dialog.REVOKE, each)


def charging() -> None:
    found = loading.success(scope, period)
    st.html(
        markup.card_title(
            _("Does charging succeed?"), _("By ChargeX's definitions; attempts that ended in the period")
        )
    )
    explanation.figures(cards.success(found.total))
    if not found.total.attempts:
        return
    with st.container(key="card-success"):
        st.html(markup.card_title(_("Success over time"), _("By {grain}", grain=_(grain))))
        explanation.button("session_success", "chart-success")
        st.plotly_chart(
            drawn.success(found, grain),
            config=figures.CONFIG,
            key="success-chart",
            alt=_("Session success and first-attempt success by {grain}", grain=_(grain)),
        )
    with st.container(key="card-visits"):
        visits()


def visits() -> None:
    found = loading.troubled_visits(scope, period, VISITS)
    head(
        _("Troubled visits"),
        _("The first attempt failed; the newest {visits} at most", visits=VISITS),
        "troubled-visits",
    )
    explanation.button("first_attempt_success", "chart-visits")
    if not found:
        st.html(markup.empty(_("No troubled visits"), _("Every driver charged at the first attempt.")))
        return
    row_table(
        drawn.visits(found),
        "visits",
        _("Visits whose first attempt failed, the newest first, with what happened at each attempt"),
        columns={_("What happened"): Column(width="large")},
        head=_("Station"),
        cards=CARDS,
    )


def errors() -> None:
    found = loading.reported_errors(scope, period)
    if not found.by_code:
        with st.container(key="card-errors"):
            st.html(markup.card_title(_("Errors")))
            st.html(
                markup.empty(_("No errors in this period"), _("No connector reported a fault or a warning."))
            )
        return
    with st.container(key="card-errors"):
        head(_("Errors"), _("What connectors reported, the most frequent first"), "errors")
        explanation.button("errors", "chart-errors")
        row_table(
            drawn.errors(found.by_code),
            "errors",
            _("Errors by code with their meaning, the most frequent first"),
            columns={_("Error"): Column(pinned=True), _("Meaning"): Column(width="large")},
            cards=CARDS,
        )
    left, right = st.columns([1.2, 1], gap="small")
    with left, st.container(key="card-errors-time", height="stretch"):
        st.html(markup.card_title(_("Errors over time"), _("Reports by {grain}", grain=_(grain))))
        explanation.button("errors", "chart-errors-time")
        st.plotly_chart(
            drawn.errors_over_time(found.by_day, period, grain),
            config=figures.CONFIG,
            key="errors-chart",
            alt=_("Reports of the most frequent errors by {grain}", grain=_(grain)),
        )
    with right, st.container(key="card-errors-station", height="stretch"):
        st.html(markup.card_title(_("Errors by station"), _("The most faults first")))
        explanation.button("errors", "chart-errors-station")
        st.html(markup.bars(availability_rows.error_bars(found.by_station[:WORST]), are_wordy=True))


def reliability(found: Availability) -> None:
    explanation.figures(cards.definitions(found.told))
    left, right = st.columns(2, gap="small")
    with left, st.container(key="card-over-time", height="stretch"):
        over_time(found)
    with right, st.container(key="card-stations", height="stretch"):
        by_station(found)
    with st.container(key="card-outages"):
        outage_list(found)


grain = availability_rows.grain_of(period)

excluded = loading.exclusions(scope)
found = loading.availability(scope, period, tuple(excluded))
if found.told.nevi:
    reliability(found)
else:
    with st.container(key="card-empty"):
        st.html(
            markup.empty(
                _("Nothing was observed in this period"),
                _("Availability is known from the first status that a connector reports."),
            )
        )
with st.container(key="card-exclusions"):
    exclusion_list(excluded)
charging()
errors()
show(dialog.TOPIC)
explanation.show(view)
