"""The drawer with one payment: how far it has come, and what an admin may do about it."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from dashboard import formats, loading, markup
from dashboard.payments import dialog, orders, rows
from dashboard.question import ask, is_asked
from dashboard.statements.receipt_button import receipt_button
from dashboard.visitor import visitor
from db.analytics.payments import PaymentRow
from db.models import utc_now
from languages import _
from ocpp_integration.errors import IntegrationError


def open_drawer(pk: int) -> None:
    st.dialog(_("Payment"), width=680, position="right", icon=":material/contactless:")(_drawer)(pk)


def _drawer(pk: int) -> None:
    if is_asked(dialog.TOPIC):
        # One dialog at a time: the page opens the one that asks.
        st.rerun()
    try:
        found = orders.look_into(visitor(), pk)
    except IntegrationError:
        st.html(
            markup.empty(_("No such payment"), _("It does not exist, or it is not at one of your stations."))
        )
        return
    row, now = found.row, utc_now()
    word = rows.state_of(row, now)[0]
    connector = _("Connector {number}", number=row.connector_number)
    st.html(markup.card_title(row.station_name, f"{connector} · {word}"))
    _actions(row, now)
    st.html(markup.steps([_step(each, row.timezone) for each in rows.steps(row, found.movements)]))
    st.html(markup.facts(rows.facts(row)))
    if row.session_pk is not None:
        _session(row.session_pk)


def _step(each: rows.Step, timezone: str) -> tuple[str, str, str, str]:
    at = formats.local_time(each.at, timezone, seconds=True) if each.at else ""
    return each.words, each.state, at, each.detail


def _session(pk: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link(
            "views/sessions.py",
            label=_("Its session"),
            icon=":material/receipt_long:",
            query_params={"session": str(pk)},
        )
        if found := loading.session(visitor().scope, pk):
            receipt_button(found[0])


def _actions(row: PaymentRow, now: datetime) -> None:
    """For admins, where there is something to do."""
    possible = _possible(row, now)
    if not possible or not visitor().is_admin:
        return
    with st.container(horizontal=True):
        for key in possible:
            asked = dialog.ACTS[key]
            st.button(
                _(asked.title),
                icon=f":material/{asked.icon}:",
                key=f"payment-{key}-{row.pk}",
                on_click=ask,
                args=(asked, row),
            )


def _possible(row: PaymentRow, now: datetime) -> list[str]:
    if row.refund_state == "by_hand":
        return ["retry", "record"]
    if row.state == "mismatched":
        return [] if row.held else ["close"]
    if not row.is_stuck(now):
        return []
    has_bill = row.session_cost is not None and row.verdict != "held"
    return ["bill", "release"] if has_bill else ["release"]
