"""The lists on the Tariffs page, with the buttons that open their dialogs, and the example session."""

from __future__ import annotations

from datetime import UTC, datetime, time
from decimal import Decimal

import pandas as pd
import streamlit as st

from dashboard import formats, markup, resources
from dashboard.question import ask
from dashboard.row_table import row_table
from dashboard.sessions.bill_lines import bill_lines
from dashboard.tariffs import dialog, orders
from dashboard.tariffs import rows as tariff_rows
from dashboard.tariffs.form import example
from dashboard.visitor import Visitor
from languages import _, told
from ocpp_integration.pricing import price
from ocpp_integration.tariff_book import AssignmentRow, TariffRow
from ocpp_integration.tariffs import document_of


def tariff_list(who: Visitor) -> list[TariffRow]:
    """Every tariff with its price in words."""
    rows, timezone = orders.tariffs(who), resources.settings().timezone
    with st.container(key="card-tariffs"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            caption = _("Each change of a price is a new version; sessions keep the one of their start")
            st.html(markup.card_title(_("Tariffs"), caption), width="content")
            if st.button(_("New tariff"), icon=":material/add:", type="primary", key="new-tariff"):
                ask(dialog.ADD, "")
        for row in rows:
            _tariff(row, timezone)
        if not rows:
            st.html(
                markup.empty(
                    _("No tariffs yet"),
                    _("Sessions are billed by the price per kWh that the platform tells."),
                )
            )
    return rows


def _tariff(row: TariffRow, timezone: str) -> None:
    with st.container(key=f"row-tariff-{row.code}", horizontal=True, vertical_alignment="center"):
        st.html(tariff_rows.tariff_row(row, timezone))
        with st.container(width="content", gap=None):
            if st.button(
                markup.about(_("Assign"), row.code),
                icon=":material/add_location:",
                key=f"assign-{row.code}",
                type="tertiary",
            ):
                ask(dialog.ASSIGN, row.code)
            if st.button(
                markup.about(_("New version"), row.code),
                icon=":material/edit:",
                key=f"version-{row.code}",
                type="tertiary",
            ):
                ask(dialog.ADD, row.code)


def assignment_list(who: Visitor) -> None:
    rows, timezone, now = orders.assignments(who), resources.settings().timezone, datetime.now(UTC)
    with st.container(key="card-assignments"):
        st.html(markup.card_title(_("Where they hold"), _("Elsewhere the platform's price per kWh does")))
        for row in rows:
            _assignment(row, now, timezone)
        if not rows:
            st.html(
                markup.empty(_("Nowhere yet"), _("Assign a tariff to a connector, a station or an owner."))
            )


def _assignment(row: AssignmentRow, now: datetime, timezone: str) -> None:
    with st.container(key=f"row-assignment-{row.id}", horizontal=True, vertical_alignment="center"):
        st.html(tariff_rows.assignment_row(row, now, timezone))
        words = markup.about(_("End"), f"{row.code} {told(row.place)} {row.id}")
        if st.button(words, icon=":material/event_busy:", key=f"end-{row.id}", type="tertiary"):
            ask(dialog.END, row)


def tariff_card(who: Visitor, rows: list[TariffRow]) -> None:
    """The versions of one tariff, and what an example session costs by it."""
    timezone = resources.settings().timezone
    with st.container(key="card-tariff"):
        st.html(
            markup.card_title(
                _("Versions and an example"), _("On the installation's clock, {timezone}", timezone=timezone)
            )
        )
        code = st.selectbox(
            _("Tariff"), [row.code for row in rows], placeholder=_("Choose an option"), key="tariff-shown"
        )
        known = orders.versions(who, code)
        shown = pd.DataFrame([tariff_rows.version_row(each, timezone) for each in known])
        row_table(
            shown,
            "tariff-versions",
            _("The versions of {code}, the first one first", code=code),
            head=_("Name"),
        )
        number = st.selectbox(
            _("Version"),
            [each.version for each in known],
            index=len(known) - 1,
            placeholder=_("Choose an option"),
            key="tariff-version",
        )
        tariff = next(each for each in known if each.version == number)
        with st.container(horizontal=True):
            kwh = st.number_input(_("Energy, kWh"), 0.0, 1000.0, 20.0, key="example-kwh")
            charging = st.number_input(_("Minutes charging"), 0, 2880, 60, key="example-charging")
            idle = st.number_input(_("Minutes idle after"), 0, 2880, 30, key="example-idle")
            day = st.date_input(_("Day"), datetime.now(resources.settings().zone).date(), key="example-day")
            clock = st.time_input(_("Start"), time(18), key="example-clock")
        start = datetime.combine(day, clock, resources.settings().zone)
        bill = price(document_of(tariff), example(start, Decimal(str(kwh)), charging, idle, timezone))
        total = (_("Total"), formats.exact_money(bill.payable, tariff.currency))
        st.html(markup.bill(bill_lines(bill, tariff.currency), total))
