"""Sessions as a table: a row for each, as long as it may be."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy.orm import Session

from db.analytics.scope import Scope
from db.analytics.sessions import SessionFilter, SessionRow, each_session
from ocpp_integration.exports.table import Table, decimal, flag, integer, kw, kwh, text, time

COLUMNS = (
    integer("transaction_id", lambda row: row.transaction_id),
    text("station", lambda row: row.station_name),
    integer("connector", lambda row: row.connector_number),
    text("connector_type", lambda row: row.connector_type),
    time("start", lambda row: row.start_time),
    time("stop", lambda row: row.stop_time),
    text("timezone", lambda row: row.timezone),
    integer("duration", lambda row: row.duration_seconds, "s"),
    decimal("energy", lambda row: kwh(row.energy_wh), "kWh", 3),
    decimal("maximum_power", lambda row: kw(row.max_power_w), "kW", 3),
    decimal("cost", lambda row: row.cost),
    decimal("tax", lambda row: row.tax),
    text("currency", lambda row: row.currency),
    decimal("price_per_kwh", lambda row: row.price_per_kwh, places=4),
    text("status", lambda row: row.status),
    text("stop_reason", lambda row: row.stop_reason),
    text("id_tag", lambda row: row.id_tag),
    integer("meter_start", lambda row: row.meter_start, "Wh"),
    integer("meter_stop", lambda row: row.meter_stop, "Wh"),
    text("flags", lambda row: " ".join(row.flags)),
    flag("stop_is_estimated", lambda row: row.stop_is_estimated),
    flag("held_back", lambda row: row.is_held),
)


def table(store: Session, scope: Scope, wanted: SessionFilter) -> Table[SessionRow]:
    """The sessions looked for, the oldest first; rows are read while the file is written."""
    rows: Iterator[SessionRow] = each_session(store, scope, wanted)
    return Table(COLUMNS, rows)
