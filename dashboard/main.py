"""The script that Streamlit runs for every page: who is here, the navigation, then the page."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from dashboard import language, markup, navigation, view_as
from dashboard.backend_banner import backend_banner
from dashboard.visitor import visitor
from languages import _

_BRAND = Path(__file__).parent / "brand"

st.set_page_config(page_title="MengedMate", page_icon=str(_BRAND / "mark.svg"), layout="wide")
st.html(markup.style_sheet())
who = visitor()
language.keep(who)
st.html(markup.script(), unsafe_allow_javascript=True)

sections: dict[str, list[StreamlitPage]] = {}
for each in navigation.pages_for(who):
    sections.setdefault(_(each.section), []).append(
        st.Page(
            each.script,
            title=_(each.title),
            icon=f":material/{each.icon}:",
            url_path=each.path or None,
            default=not each.path,
        )
    )
# Else the admin's pages hide behind "View more".
page = st.navigation(sections, expanded=True)
st.logo(_BRAND / "wordmark.svg", size="large", icon_image=_BRAND / "mark.svg")
with st.sidebar:
    st.html(markup.user_card(who.user.name, who.role))
    language.choose()
    view_as.choose_owner(who)
view_as.banner(who)
backend_banner()
language.spoken(page.run)()
