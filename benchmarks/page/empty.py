"""The script of the empty page: elements from constants, as many of each kind as its address says."""

from __future__ import annotations

from datetime import date
from itertools import cycle
from math import ceil
from pathlib import Path

import pandas as pd
import streamlit as st

# Registers Streamlit's template, as the dashboard's figures do.
import streamlit.elements.plotly_chart
from plotly import graph_objects as go

_DASHBOARD = Path(__file__).resolve().parents[2] / "dashboard"
_BRAND = _DASHBOARD / "brand"
_DAYS = list(range(30))
_FIRST, _LAST = date(2026, 1, 1), date(2026, 1, 30)
# Where it is shown instead of a page, beside the first.
_PATHS = ("revenue", "availability")
# Of the menu, as the dashboard has them.
_SECTIONS = 3


def wanted(kind: str) -> int:
    return int(st.query_params.get(kind, "0"))


def figure() -> go.Figure:
    drawn = go.Figure()
    drawn.add_bar(x=_DAYS, y=_DAYS)
    drawn.update_layout(height=300, margin={"l": 0, "r": 0, "t": 8, "b": 0}, dragmode=False)
    return drawn


def popover(number: int) -> None:
    with st.popover(f"Popover {number}"):
        st.html("<p>Inside</p>")


def expander(number: int) -> None:
    # Its content comes when it is opened.
    st.expander(f"Expander {number}", key=f"expander-{number}", on_change="rerun")


def button(number: int) -> None:
    explanation = "What it is for" if number < wanted("explained") else None
    st.button(
        "Button", icon=":material/question_mark:", type="tertiary", help=explanation, key=f"button-{number}"
    )


# How one of each kind is shown. The first stand in columns: what is wide has its place there.
_SHOWN = {
    "charts": lambda number: st.plotly_chart(
        figure(), key=f"chart-{number}", config={"displayModeBar": False}
    ),
    "tables": lambda number: st.dataframe(
        pd.DataFrame({"number": _DAYS, "square": _DAYS}), key=f"table-{number}"
    ),
    "expanders": expander,
    "htmls": lambda number: st.html(f"<p>Element {number}</p>"),
    "choices": lambda number: st.segmented_control("Choice", ["One", "Two", "Three"], key=f"choice-{number}"),
    "dates": lambda number: st.date_input("Days", (_FIRST, _LAST), key=f"dates-{number}"),
    "selects": lambda number: st.selectbox("Select", ["One", "Two", "Three"], key=f"select-{number}"),
    "popovers": popover,
    "buttons": button,
}


def page() -> None:
    # An expander is a column of its own.
    columns, rows = wanted("columns") - wanted("expanders"), wanted("rows")
    # Empty ones are not drawn, so each has its part of the elements.
    places = [
        st.container(key=f"place-{number}", horizontal=number >= columns) for number in range(columns + rows)
    ] or [st.container()]
    shown = [(show, number) for kind, show in _SHOWN.items() for number in range(wanted(kind))]
    for (show, number), place in zip(shown, cycle(places), strict=False):
        with place:
            show(number)


def other() -> None:
    st.html("<p>Nothing</p>")


st.set_page_config(page_title="Empty", page_icon=str(_BRAND / "mark.svg"), layout="wide")
st.html(f"<style>{(_DASHBOARD / 'style.css').read_text('utf-8')}</style>")
here = [st.Page(page, title="Empty", url_path=path, default=not path) for path in ("", *_PATHS)]
others = [
    st.Page(other, title=f"Page {number}", url_path=f"page-{number}", icon=":material/bolt:")
    for number in range(wanted("pages"))
]
menu = [*here, *others]
per_section = ceil(len(menu) / _SECTIONS)
chosen = st.navigation(
    {f"Section {n}": menu[n * per_section : (n + 1) * per_section] for n in range(_SECTIONS)}, expanded=True
)
st.logo(_BRAND / "wordmark.svg", size="large", icon_image=_BRAND / "mark.svg")
with st.sidebar:
    st.html("<p>Somebody</p>")
chosen.run()
