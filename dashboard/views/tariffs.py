"""Tariffs, for admins: what sessions cost, where, and since when."""

from __future__ import annotations

import streamlit as st

from dashboard import markup
from dashboard.question import show
from dashboard.tariffs import dialog
from dashboard.tariffs.lists import assignment_list, tariff_card, tariff_list
from dashboard.visitor import visitor
from languages import _

who = visitor()
if not who.is_admin:
    st.html(
        markup.empty(_("This page is for admins"), _("What a session cost is on its bill, under Sessions."))
    )
    st.stop()

st.html(markup.title(_("Tariffs"), _("What sessions cost, where, and since when")))
if rows := tariff_list(who):
    assignment_list(who)
    tariff_card(who, rows)
show(dialog.TOPIC)
