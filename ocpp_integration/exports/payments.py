"""Payments at codes as a table."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from db.analytics.payments import PaymentFilter, PaymentRow, each_payment
from db.analytics.scope import Period, Scope
from ocpp_integration.exports.table import Column, Table, decimal, integer, kwh, text, time

_COLUMNS: list[Column[Any]] = [
    text("reference", lambda row: row.reference),
    text("provider", lambda row: row.provider),
    text("provider_reference", lambda row: row.provider_reference),
    text("state", lambda row: row.state),
    text("refund", lambda row: row.refund_state),
    text("station", lambda row: row.station_name),
    integer("connector", lambda row: row.connector_number),
    text("owner", lambda row: row.owner),
    integer("transaction_id", lambda row: row.transaction_id),
    text("phone", lambda row: row.phone),
    text("currency", lambda row: row.currency),
    decimal("asked", lambda row: row.amount),
    decimal("wanted", lambda row: kwh(row.wanted_wh), "kWh", 3),
    decimal("paid", lambda row: row.paid),
    decimal("billed", lambda row: row.billed),
    decimal("refunded", lambda row: row.refunded),
    decimal("held", lambda row: row.held),
    time("begun", lambda row: row.created_at),
    time("paid_at", lambda row: row.paid_at),
    time("settled_at", lambda row: row.settled_at),
    text("timezone", lambda row: row.timezone),
    text("why", lambda row: row.error),
]


def table(store: Session, scope: Scope, period: Period | None, now: datetime) -> Table[PaymentRow]:
    return Table(_COLUMNS, each_payment(store, scope, PaymentFilter(period), now))
