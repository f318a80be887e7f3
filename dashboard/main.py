"""The script that Streamlit runs for every page: who is here, the navigation, then the page."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard import language, markup, view_as
from dashboard.backend_banner import backend_banner
from dashboard.visitor import visitor
from languages import _

_BRAND = Path(__file__).parent / "brand"

st.set_page_config(page_title="MengedMate", page_icon=str(_BRAND / "mark.svg"), layout="wide")
st.html(markup.style_sheet())
who = visitor()
language.keep(who)
st.html(markup.script(), unsafe_allow_javascript=True)

if who.is_admin:
    access = {
        _("Admin"): [
            st.Page("views/jobs.py", title=_("Jobs"), icon=":material/event_repeat:"),
            st.Page("views/quarantine.py", title=_("Quarantine"), icon=":material/rule:"),
            st.Page("views/billing_audit.py", title=_("Billing audit"), icon=":material/fact_check:"),
            st.Page("views/webhooks.py", title=_("Webhooks"), icon=":material/webhook:"),
            st.Page("views/tariffs.py", title=_("Tariffs"), icon=":material/sell:"),
            st.Page("views/stations_owners.py", title=_("Stations & owners"), icon=":material/domain:"),
            st.Page("views/ocpp_log.py", title=_("OCPP log"), icon=":material/terminal:"),
            st.Page("views/access.py", title=_("Access"), icon=":material/key:"),
            st.Page("views/audit_log.py", title=_("Audit log"), icon=":material/history:"),
            st.Page(
                "views/settings_page.py", title=_("Settings"), icon=":material/settings:", url_path="settings"
            ),
        ]
    }
elif who.viewing_as is None:
    access = {
        _("Account"): [
            st.Page("views/own_access.py", title=_("Access"), icon=":material/key:", url_path="my-access")
        ]
    }
else:
    access = {}
page = st.navigation(
    {
        _("Monitor"): [
            st.Page(
                "views/overview.py", title=_("Overview"), icon=":material/space_dashboard:", default=True
            ),
            st.Page("views/stations.py", title=_("Stations"), icon=":material/ev_station:"),
            st.Page("views/kpis.py", title=_("KPIs"), icon=":material/monitoring:"),
            st.Page("views/revenue.py", title=_("Revenue"), icon=":material/payments:"),
            st.Page("views/sessions.py", title=_("Sessions"), icon=":material/receipt_long:"),
            st.Page("views/payments.py", title=_("Payments"), icon=":material/contactless:"),
            st.Page("views/availability.py", title=_("Availability"), icon=":material/monitor_heart:"),
            st.Page("views/statements.py", title=_("Statements"), icon=":material/request_quote:"),
        ],
        _("Operate"): [st.Page("views/live.py", title=_("Live"), icon=":material/bolt:")],
        **access,
    },
    # Else the admin's pages hide behind "View more".
    expanded=True,
)
st.logo(_BRAND / "wordmark.svg", size="large", icon_image=_BRAND / "mark.svg")
with st.sidebar:
    st.html(markup.user_card(who.user.name, who.role))
    language.choose()
    view_as.choose_owner(who)
view_as.banner(who)
backend_banner()
language.spoken(page.run)()
