"""Revenue: what was earned, by time, station, tariff and owner, each currency for itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import streamlit as st

from dashboard import downloads, explanation, figures, formats, loading, markup
from dashboard.availability import rows as availability_rows
from dashboard.kpis.panel import compared_with, complete_days, is_comparable
from dashboard.markup import TableRow
from dashboard.paging import choose_page
from dashboard.periods import GRAINS
from dashboard.revenue import cards as revenue_cards
from dashboard.revenue import figure
from dashboard.revenue import rows as revenue_rows
from dashboard.revenue.cards import earned_in
from dashboard.view import address_of, choose_grain, choose_view, scope_now
from dashboard.visitor import visitor
from db.analytics.buckets import Grain
from db.analytics.revenue import Part
from db.analytics.scope import Period, Scope
from languages import N_, _

PAGE_SIZE = 6
# Beyond so many columns a month of days would make a page too long to be read.
TIMES = 31
amounts = [_(name) for name in revenue_rows.AMOUNTS]

who = visitor()
view = choose_view(_("Revenue"), _("Ended in the period"))
scope, period = view.scope, view.period
before = period.previous() if is_comparable(view) else None


def held_back() -> None:
    found = loading.held_back(scope, period)
    if not found:
        return
    with st.container(key="card-held"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.html(markup.card_title(*revenue_rows.held_words(found)), width="content")
            if who.is_admin:
                st.page_link("views/quarantine.py", label=_("Quarantine"), icon=":material/rule:")
        explanation.button("held_revenue", "chart-held")


def cards(currencies: Sequence[str]) -> None:
    """A row of cards for each currency: amounts of several are never added up."""
    earned = loading.earned(scope, period)
    days = loading.earned_by_time(scope, period, "day").values()
    compared = complete_days(view) if before else None
    later, earlier = (loading.earned(scope, each) for each in compared) if compared else ({}, {})
    for currency in currencies:
        explanation.cards(
            revenue_cards.cards(
                currency,
                earned_in(currency, earned),
                [earned_in(currency, dict(day)) for day in days],
                (earned_in(currency, later), earned_in(currency, earlier)) if compared else None,
                compared_with(view),
            ),
            "kpis-of-4",
            currency,
        )


@st.fragment
def over_time(currencies: Sequence[str]) -> None:
    scope = scope_now(view)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        title = st.container(width="content")
        chosen = choose_grain(period)
    grain = cast("Grain", availability_rows.grain_of(period) if chosen == "auto" else chosen)
    title.html(markup.card_title(_("By {grain}", grain=_(grain)), _("On the clock of each station")))
    explanation.button("revenue", "chart-time")
    times = loading.earned_by_time(scope, period, grain)
    of_before: Grain = "hour" if grain == "hour" else "day"
    earlier = loading.earned_by_time(scope, before, of_before) if before else None
    for currency in currencies:
        st.plotly_chart(
            figure.over_time(times, earlier, currency, grain),
            config=figures.CONFIG,
            key=f"revenue-chart-{currency}",
            alt=_("Revenue in {currency} by {grain}, net and VAT", currency=currency, grain=_(grain))
            + (_(", with the period before as a dotted line") if earlier else ""),
        )
    table = st.expander(
        _("As a table, the newest {grain} first", grain=_(grain)), key="times-table", on_change="rerun"
    )
    if not table.open:
        return
    with table:
        # Of an hour there is no file: it would be one of all sessions.
        day_or_longer = "day" if grain == "hour" else grain
        about = _("Revenue by {grain}", grain=_(day_or_longer))
        downloads.buttons(about, f"revenue-by-{day_or_longer}", scope, period)
        paged(
            _("Revenue by {grain}", grain=_(grain)),
            _(GRAINS[grain]),
            amounts,
            len(times) * len(currencies),
            lambda shown: revenue_rows.time_rows(times, currencies, grain, shown),
            TIMES,
        )


def paged(
    about: str,
    first: str,
    columns: Sequence[str],
    count: int,
    rows: Callable[[slice], Sequence[TableRow]],
    size: int,
) -> None:
    """A table with those of `count` rows that are on the page: the others are not made."""
    slot, pages = st.container(), -(-count // size)
    page = choose_page(pages, f"{first}-{count}", about)
    slot.html(markup.table(about, first, columns, rows(slice((page - 1) * size, page * size))))


def ranked(
    what: str,
    caption: str,
    load: Callable[[Scope, Period], list[Part]],
    name: Callable[[Part], tuple[str, str]],
    href: Callable[[Part], str] = lambda _part: "",
    kpi: str = "revenue",
) -> None:
    """A card with a table of parts; `what` they are, such as `station`."""
    with st.container(key=f"card-{what}s"):
        downloads.title(_("By {what}", what=_(what)), caption, f"revenue-by-{what}", scope, period)
        explanation.button(kpi, f"chart-{what}s")
        parts, earlier = load(scope, period), load(scope, before) if before else None
        columns = (*amounts, _(revenue_rows.BEFORE))
        paged(
            _("Revenue by {what}", what=_(what)),
            _(what).capitalize(),
            columns,
            len(parts),
            lambda shown: revenue_rows.part_rows(parts, earlier, name=name, href=href, shown=shown),
            PAGE_SIZE,
        )


def station_name(part: Part) -> tuple[str, str]:
    place = loading.places(scope).get(part.pk or 0)
    return part.name, place.city if place else ""


def of_owner(part: Part) -> str:
    """This page, narrowed to the owner's stations of those that it is about."""
    pks = [station.pk for station in loading.stations(scope) if station.owner == part.name]
    return address_of(view, "revenue", stations=",".join(map(str, pks)))


def tables() -> None:
    ranked(
        N_("station"),
        _("The most revenue first; a name leads to the station"),
        loading.earned_by_station,
        station_name,
        lambda part: address_of(view, "stations", station=str(part.pk)),
    )
    of_tariffs = st.container()
    if who.is_admin:
        ranked(
            N_("owner"),
            _("A name narrows the page to the owner's stations"),
            loading.earned_by_owner,
            lambda part: (part.name, ""),
            of_owner,
        )
    # Drawn last, since sessions are read for it.
    with of_tariffs:
        ranked(
            N_("tariff"),
            _("Each session by the version that was in force when it started"),
            loading.earned_by_tariff,
            revenue_rows.tariff_name,
            kpi="average_price",
        )
    st.page_link(
        "views/statements.py",
        label=_("Statements: what is due to owners, month by month"),
        icon=":material/request_quote:",
    )


def nothing() -> None:
    with st.container(key="card-empty"):
        if view.history:
            known = _("{day} to {day2}", day=formats.day(view.history[0]), day2=formats.day(view.history[1]))
            st.html(
                markup.empty(
                    _("Nothing was earned in this period"),
                    _("Sessions are known from {known}. Choose All to see them.", known=known),
                )
            )
        else:
            st.html(
                markup.empty(
                    _("No charging sessions yet"),
                    _("Revenue appears with the first session that ends, or with an imported history."),
                )
            )


currencies = sorted(loading.earned(scope, period))
held_back()
if currencies:
    cards(currencies)
    with st.container(key="card-time"):
        over_time(currencies)
    tables()
else:
    nothing()
explanation.show(view)
