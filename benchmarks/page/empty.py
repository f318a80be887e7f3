"""The script of the empty page: elements from constants, as many of each kind as its address says."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

# Registers Streamlit's template, as the dashboard's figures do.
import streamlit.elements.plotly_chart
from plotly import graph_objects as go

_DASHBOARD = Path(__file__).resolve().parents[2] / "dashboard"
_BRAND = _DASHBOARD / "brand"
_DAYS = list(range(30))
# Where it is shown instead of a page, beside the first.
_PATHS = ("revenue", "availability")
# What else the menu of the dashboard has.
_OTHER_PAGES = 14


def wanted(kind: str) -> int:
    return int(st.query_params.get(kind, "0"))


def figure() -> go.Figure:
    drawn = go.Figure()
    drawn.add_bar(x=_DAYS, y=_DAYS)
    drawn.update_layout(height=300, margin={"l": 0, "r": 0, "t": 8, "b": 0}, dragmode=False)
    return drawn


def page() -> None:
    for number in range(wanted("containers")):
        st.container(key=f"container-{number}")
    for number in range(wanted("htmls")):
        st.html(f"<p>Element {number}</p>")
    for number in range(wanted("choices")):
        st.segmented_control("Choice", ["One", "Two", "Three"], key=f"choice-{number}")
    for number in range(wanted("buttons")):
        st.button("Button", icon=":material/question_mark:", type="tertiary", key=f"button-{number}")
    for number in range(wanted("charts")):
        st.plotly_chart(figure(), key=f"chart-{number}", config={"displayModeBar": False})
    for number in range(wanted("tables")):
        st.dataframe(pd.DataFrame({"number": _DAYS, "square": _DAYS}), key=f"table-{number}")


def other() -> None:
    st.html("<p>Nothing</p>")


st.set_page_config(page_title="Empty", page_icon=str(_BRAND / "mark.svg"), layout="wide")
st.html(f"<style>{(_DASHBOARD / 'style.css').read_text('utf-8')}</style>")
others = [
    st.Page(other, title=f"Page {number}", url_path=f"page-{number}", icon=":material/bolt:")
    for number in range(_OTHER_PAGES)
]
here = [st.Page(page, title="Empty", url_path=path, default=not path) for path in ("", *_PATHS)]
chosen = st.navigation([*here, *others], expanded=True)
st.logo(_BRAND / "wordmark.svg", size="large", icon_image=_BRAND / "mark.svg")
with st.sidebar:
    st.html("<p>Somebody</p>")
chosen.run()
