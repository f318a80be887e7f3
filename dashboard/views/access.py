"""Access, for admins: who may come in, with which tokens."""

from __future__ import annotations

import streamlit as st

from dashboard import markup, resources
from dashboard.access import dialog
from dashboard.access.lists import sessions_card, token_list, user_list
from dashboard.question import show
from dashboard.visitor import visitor
from languages import _

who = visitor()
if not who.is_admin:
    st.html(
        markup.empty(_("This page is for admins"), _("Your own tokens are under Access, in your account."))
    )
    st.stop()

st.html(markup.title(_("Access"), _("Who may come in, and with which tokens")))
if resources.settings().webhook_allow_unsigned:
    st.warning(
        _(
            "Webhooks without a signature are accepted: anyone who reaches the receiver can send it events, "
            "and make up sessions. Set `WEBHOOK_SECRET` here and at the OCPP backend, then take "
            "`WEBHOOK_ALLOW_UNSIGNED` away."
        ),
        icon=":material/gpp_maybe:",
    )
token_list(who)
user_list(who)
sessions_card()
show(dialog.TOPIC)
