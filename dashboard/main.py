"""The script that Streamlit runs for every page: who is here, the navigation, then the page."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard import markup, view_as
from dashboard.backend_banner import backend_banner
from dashboard.visitor import visitor

_BRAND = Path(__file__).parent / "brand"

st.set_page_config(page_title="MengedMate", page_icon=str(_BRAND / "mark.svg"), layout="wide")
st.html(markup.style_sheet())
st.html(markup.script(), unsafe_allow_javascript=True)
who = visitor()

if who.user.role == "admin":
    access = {
        "Admin": [
            st.Page("views/jobs.py", title="Jobs", icon=":material/event_repeat:"),
            st.Page("views/quarantine.py", title="Quarantine", icon=":material/rule:"),
            st.Page("views/billing_audit.py", title="Billing audit", icon=":material/fact_check:"),
            st.Page("views/webhooks.py", title="Webhooks", icon=":material/webhook:"),
            st.Page("views/tariffs.py", title="Tariffs", icon=":material/sell:"),
            st.Page("views/stations_owners.py", title="Stations & owners", icon=":material/domain:"),
            st.Page("views/ocpp_log.py", title="OCPP log", icon=":material/terminal:"),
            st.Page("views/access.py", title="Access", icon=":material/key:"),
            st.Page(
                "views/settings_page.py", title="Settings", icon=":material/settings:", url_path="settings"
            ),
        ]
    }
elif who.viewing_as is None:
    access = {
        "Account": [
            st.Page("views/own_access.py", title="Access", icon=":material/key:", url_path="my-access")
        ]
    }
else:
    access = {}
page = st.navigation(
    {
        "Monitor": [
            st.Page("views/overview.py", title="Overview", icon=":material/space_dashboard:", default=True),
            st.Page("views/stations.py", title="Stations", icon=":material/ev_station:"),
            st.Page("views/kpis.py", title="KPIs", icon=":material/monitoring:"),
            st.Page("views/revenue.py", title="Revenue", icon=":material/payments:"),
            st.Page("views/sessions.py", title="Sessions", icon=":material/receipt_long:"),
            st.Page("views/payments.py", title="Payments", icon=":material/contactless:"),
            st.Page("views/availability.py", title="Availability", icon=":material/monitor_heart:"),
            st.Page("views/statements.py", title="Statements", icon=":material/request_quote:"),
        ],
        "Operate": [st.Page("views/live.py", title="Live", icon=":material/bolt:")],
        **access,
    },
    # Else the admin's pages hide behind "View more".
    expanded=True,
)
st.logo(_BRAND / "wordmark.svg", size="large", icon_image=_BRAND / "mark.svg")
with st.sidebar:
    st.html(markup.user_card(who.user.name, who.role))
    view_as.choose_owner(who)
view_as.banner(who)
backend_banner()
page.run()
