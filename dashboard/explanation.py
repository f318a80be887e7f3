"""How a KPI is computed, beside the page: what it is, by whose definition, and the rows that it is made of.

The page's address names the KPI, so an explanation can be sent to somebody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from dashboard import downloads, formats, loading, markup
from dashboard.kpis import words
from dashboard.markup import Card, Figure
from dashboard.paging import choose_page
from dashboard.row_table import row_table
from dashboard.view import View, scope_now
from db.analytics.definitions import Kpi
from db.analytics.scope import Period, Scope
from languages import _
from ocpp_integration.exports.files import to_csv

PAGE_SIZE = 25
# Somebody who looks at rows looks at the first of them; more are in the file, and all in the exports.
MOST_SHOWN, MOST_IN_FILE = 5_000, 100_000
_ADDRESS = "how"


def button(key: str, place: str = "") -> None:
    """The button that opens the explanation of a KPI. `place` tells several of one page apart."""
    kpi = loading.definitions()[key]
    if st.button(
        _("How {name} is computed", name=_(kpi.name)),
        icon=":material/question_mark:",
        type="tertiary",
        key=f"explain-{place or key}",
        help=_(kpi.formula),
    ):
        st.query_params[_ADDRESS] = key
        st.rerun()


def cards(found: Sequence[Card], name: str = "kpis", place: str = "") -> None:
    """KPI cards side by side, each with its button."""
    side_by_side({card.key: markup.card(card) for card in found}, name, place)


def figures(found: Sequence[Figure]) -> None:
    """The same with figures, as many to a row as there are."""
    side_by_side({figure.key: markup.figure(figure) for figure in found}, f"kpis-of-{len(found)}")


def side_by_side(found: Mapping[str, str], name: str = "kpis", place: str = "") -> None:
    """HTML by the key of the KPI that it tells. `name` is the style sheet's for such a row; where a page has
    several of one name, `place` tells them apart.
    """
    mark = f"-{place}" if place else ""
    with st.container(key=f"{name}{mark}"):
        for key, html in found.items():
            with st.container(key=f"kpi-{key}{mark}"):
                st.html(html)
                button(key, f"{key}{mark}")


def show(view: View) -> None:
    """Open the explanation that the address names, if it names one. The last thing that a page does."""
    if kpi := loading.definitions().get(st.query_params.get(_ADDRESS, "")):
        drawer = st.dialog(
            _(kpi.name), width=760, position="right", on_dismiss=_close, icon=":material/function:"
        )
        drawer(_body)(kpi, view)


def _close() -> None:
    st.query_params.pop(_ADDRESS, None)


def _body(kpi: Kpi, view: View) -> None:
    scope, period = scope_now(view), view.period
    figures = [_figure(kpi, scope, days, title) for title, days in _periods(period).items()]
    st.html(markup.figures_side_by_side(figures))
    st.html(markup.definition(_(kpi.formula), _(kpi.source)))
    st.html(
        markup.facts(
            [
                (_("Stations"), _stations(scope)),
                (
                    _("Period"),
                    _("{days}, by each station's clock", days=formats.days(period.start, period.end)),
                ),
            ]
        )
    )
    _rows(kpi, scope, period)


def _periods(period: Period) -> dict[str, Period]:
    return {_("This period"): period, _("The period before"): period.previous()}


def _figure(kpi: Kpi, scope: Scope, period: Period, title: str) -> markup.Compared:
    found = words.said(kpi, loading.kpi_value(scope, period, kpi.key))
    days = formats.days(period.start, period.end)
    if period.start <= loading.today() < period.end:
        days = _("{days}, so far", days=days)
    return markup.Compared(title, found.figure, days, list(found.parts))


def _stations(scope: Scope) -> str:
    names = [place.name for place in loading.places(scope).values()]
    if len(names) <= 3:
        return ", ".join(names) or _("none")
    return _("{join} and {count} more", join=", ".join(names[:2]), count=len(names) - 2)


def _rows(kpi: Kpi, scope: Scope, period: Period) -> None:
    periods = _periods(period)
    st.html(markup.card_title(_("The rows behind it"), _("Times on the clock of each station")))
    chosen = st.segmented_control(_("Show the rows"), list(periods), key=f"rows-{kpi.key}")
    if chosen is None:
        return
    days = periods[chosen]
    count = loading.kpi_row_count(scope, days, kpi.key, MOST_SHOWN + 1)
    if not count:
        st.html(
            markup.empty(
                _("No rows"), _("Nothing of it happened in {days}.", days=formats.days(days.start, days.end))
            )
        )
        return
    page = 1
    pages = -(-min(count, MOST_SHOWN) // PAGE_SIZE)
    place = st.container()
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        if pages > 1:
            page = choose_page(pages, f"rows-page-{kpi.key}-{chosen}", _("The rows behind it"))
        _download(kpi, scope, days)
    rows = loading.kpi_rows(scope, days, kpi.key, PAGE_SIZE, (page - 1) * PAGE_SIZE)
    with place:
        row_table(_frame(kpi, rows), f"kpi-rows-{kpi.key}", _("The rows behind {name}", name=_(kpi.name)))
    st.caption(_counted(count, page, len(rows)))
    st.html(markup.card_title(_("How they add up"), _("SQL over the file, as a table named rows")))
    st.code(kpi.sql, language="sql", wrap_lines=True)


def _frame(kpi: Kpi, rows: Sequence[Sequence[object]]) -> pd.DataFrame:
    return pd.DataFrame(words.shown(kpi, rows))


def _counted(count: int, page: int, shown: int) -> str:
    first = (page - 1) * PAGE_SIZE + 1
    of = _("more than {most_shown:,}", most_shown=MOST_SHOWN) if count > MOST_SHOWN else f"{count:,}"
    return _(
        "Rows {first:,} to {first2:,} of {of}. The file has up to {most_in_file:,} of them.",
        first=first,
        first2=first + shown - 1,
        of=of,
        most_in_file=MOST_IN_FILE,
    )


def _download(kpi: Kpi, scope: Scope, period: Period) -> None:
    def content() -> bytes:
        rows = loading.kpi_file_rows(scope, period, kpi.key, MOST_IN_FILE)
        return b"".join(to_csv(words.file(kpi, rows)))

    downloads.button(
        _("Download CSV"),
        content,
        f"{kpi.key}-{period.start}-to-{period.end}.csv",
        "text/csv",
        key=f"rows-file-{kpi.key}",
        look="secondary",
    )
