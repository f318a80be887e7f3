"""Access, for owners: their own tokens."""

from __future__ import annotations

import streamlit as st

from dashboard import markup
from dashboard.access import dialog
from dashboard.access.lists import sessions_card, token_list
from dashboard.question import show
from dashboard.visitor import visitor
from languages import _

who = visitor()
st.html(markup.title(_("Access"), _("{role} · tokens that act for you", role=who.role)))
token_list(who)
sessions_card()
show(dialog.TOPIC)
