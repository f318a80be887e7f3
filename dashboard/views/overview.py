"""Overview: what needs attention, how the network is now, and how it did in a period."""

from __future__ import annotations

import streamlit as st

from dashboard import choices, explanation, figures, formats, loading, markup
from dashboard.attention.panel import attention
from dashboard.kpis.panel import kpi_panel
from dashboard.live_panel import live_strip
from dashboard.loading import Overview
from dashboard.overview import figure
from dashboard.view import address_of, choose_grain, choose_view, scope_now
from dashboard.visitor import visitor
from db.analytics.rankings import StationUse
from db.analytics.scope import Period
from db.analytics.series import StationTotal
from languages import _, ngettext

RANKED = 6

view = choose_view(_("Overview"))
scope, period, history = view.scope, view.period, view.history


@st.fragment
def trend(now: Overview, before: Overview | None) -> None:
    scope = scope_now(view)
    head = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center")
    with head:
        title = st.container(width="content")
        controls = st.container(horizontal=True, width="content", key="trend-choices")
    with controls:
        grain = choose_grain(period)
        shown = choices.one(
            st.segmented_control,
            _("Show"),
            ["Energy", "Revenue", "Sessions"],
            format_func=_,
            required=True,
            key="trend",
            default="Energy",
            label_visibility="collapsed",
            wrap=True,
        )
    hours = loading.by_hour(scope, period, now.currency) if grain == "hour" else None
    drawn = figure.trend(now, before, hours, shown or "Energy", grain)
    title.html(markup.card_title(_("{length} trend", length=drawn.length)))
    explanation.button((shown or "Energy").lower(), "chart-trend")
    st.plotly_chart(
        drawn.figure,
        config=figures.CONFIG,
        key="trend-chart",
        alt=_("{length} {name} of the period", length=drawn.length, name=drawn.name.lower())
        + (_(", with the period before as a dotted line") if drawn.has_before else ""),
    )


def top_stations(found: list[StationTotal], currencies: int) -> None:
    in_currency = _(" in {currency}", currency=found[0].currency) if found and currencies > 1 else ""
    st.html(
        markup.card_title(
            _("Top stations"), _("By revenue{in_currency}, VAT included", in_currency=in_currency)
        )
    )
    explanation.button("revenue", "chart-top")
    if not found:
        st.html(markup.empty(_("No sessions in this period"), _("Choose a longer period above.")))
        return
    greatest = max(station.revenue for station in found)
    most_energy = max(station.energy_wh for station in found)
    st.html(
        markup.bars(
            [
                markup.Bar(
                    label=station.name,
                    value=str(formats.money(station.revenue, station.currency)),
                    detail=f"{formats.energy(station.energy_wh)} · {counted(station.sessions)}",
                    part=markup.part_of(station.revenue, greatest)
                    if greatest
                    else station.energy_wh / max(most_energy, 1),
                    href=address_of(view, "stations", station=str(station.station_pk)),
                )
                for station in found
            ],
            are_wordy=True,
        )
    )


def least_used(found: list[StationUse], most_energy: int) -> None:
    """Bars are of the greatest energy of all, so that they say how little it is."""
    st.html(markup.card_title(_("Least used stations"), _("By energy; those without a session first")))
    explanation.button("energy", "chart-least")
    st.html(
        markup.bars(
            [
                markup.Bar(
                    label=station.name,
                    value=str(formats.energy(station.energy_wh)) if station.sessions else _("No session"),
                    detail=counted(station.sessions) if station.sessions else "",
                    part=station.energy_wh / max(most_energy, 1),
                    href=address_of(view, "stations", station=str(station.station_pk)),
                )
                for station in found
            ]
        )
    )


def counted(sessions: int) -> str:
    return ngettext("{n:,} session", "{n:,} sessions", sessions)


def stations(now: Overview, period: Period) -> None:
    """The best beside those with the least use; of few stations, each is in one of the two."""
    number = sum(station.is_active for station in loading.stations(scope))
    least = loading.least_used_stations(scope, period, min(RANKED, number // 2))
    below = {station.station_pk for station in least}
    top = loading.top_stations(scope, period, now.currency, RANKED)
    top = [station for station in top if station.station_pk not in below]
    if not least:
        with st.container(key="card-top"):
            top_stations(top, len(now.summary.revenue))
        return
    left, right = st.columns(2, gap="small")
    with left, st.container(key="card-top", height="stretch"):
        top_stations(top, len(now.summary.revenue))
    with right, st.container(key="card-least", height="stretch"):
        least_used(least, max((station.energy_wh for station in top), default=0))


def charts(now: Overview, before: Overview | None, period: Period) -> None:
    left, right = st.columns([1.55, 1], gap="small")
    with left, st.container(key="card-trend", height="stretch"):
        trend(now, before)
    with right, st.container(key="card-arrivals", height="stretch"):
        st.html(
            markup.card_title(
                _("When drivers plug in"), _("Session starts by hour; stronger colour means more")
            )
        )
        explanation.button("arrivals", "chart-arrivals")
        st.plotly_chart(
            figures.arrivals(loading.arrivals(scope, period)),
            config=figures.CONFIG,
            key="arrivals-chart",
            alt=_("Session starts by weekday and hour of the station's clock"),
        )
    stations(now, period)


attention(view)
live_strip(view.stations)

panel = kpi_panel(view)
now, before = panel.now, panel.before
explanation.cards(panel.cards)

if now:
    charts(now, before, period)
else:
    with st.container(key="card-empty"):
        if history:
            st.html(
                markup.empty(
                    _("No data in this period"),
                    _(
                        "Sessions are known from {day} to {day2}. Choose All to see them.",
                        day=formats.day(history[0]),
                        day2=formats.day(history[1]),
                    ),
                )
            )
        else:
            st.html(
                markup.empty(
                    _("No charging sessions yet"),
                    _(
                        "Figures appear with the first session: connect a charge point, or import a history "
                        "with python manage.py import-sessions."
                    )
                    if visitor().is_admin
                    else _("Figures appear with the first session at one of your stations."),
                )
            )
explanation.show(view)
