"""The backend's own store: stations and their keys, connectors, transactions, webhooks, and frames.

Energy is integer Wh, power integer W, time aware UTC.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    false,
    text,
    true,
)

from ocpp_backend.columns import ExactDecimal, UtcTime

metadata = MetaData()

# SQLite numbers rows by itself only in a column declared INTEGER.
_RowId = BigInteger().with_variant(Integer, "sqlite")

counters = Table(
    "counters",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

stations = Table(
    "stations",
    metadata,
    Column("station_id", String(255), primary_key=True),
    Column("name", Text),
    Column("address", Text),
    Column("latitude", ExactDecimal),
    Column("longitude", ExactDecimal),
    Column("vendor", String(255)),
    Column("model", String(255)),
    Column("firmware_version", String(255)),
    Column("serial_number", String(255)),
    # What the charge point says of itself as a whole (connector 0).
    Column("status", String(20)),
    Column("status_time", UtcTime),
    Column("is_online", Boolean, nullable=False, default=False),
    Column("last_seen", UtcTime),
    Column("heartbeat_told_at", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
)

connectors = Table(
    "connectors",
    metadata,
    Column("station_id", ForeignKey("stations.station_id"), primary_key=True),
    Column("connector_id", Integer, primary_key=True, autoincrement=False),
    # False where only the charge point knows of it, or the platform no longer does.
    Column("synced", Boolean, nullable=False, default=False),
    Column("connector_type", String(255)),
    Column("max_power_w", Integer),
    Column("price_per_kwh", ExactDecimal),
    Column("currency", String(3)),
    Column("status", String(20)),
    Column("status_time", UtcTime),
    Column("error_code", String(255)),
    Column("info", String(255)),
    Column("vendor_id", String(255)),
    Column("vendor_error_code", String(255)),
)

transactions = Table(
    "transactions",
    metadata,
    Column("transaction_id", BigInteger, primary_key=True, autoincrement=False),
    Column("station_id", ForeignKey("stations.station_id"), nullable=False),
    # 0 as long as the charge point has not said which.
    Column("connector_id", Integer, nullable=False),
    # OCPP 2.0.1: the EVSE of the connector, and the id that the charge point gave the transaction.
    Column("evse_id", Integer),
    Column("ocpp_id", String(36)),
    # Empty as long as nobody was authorised.
    Column("id_tag", String(40), nullable=False),
    Column("status", String(20), nullable=False),
    # OCPP 2.0.1: its chargingState, as the status of a connector.
    Column("charging_state", String(20)),
    # False as long as no more has happened than that a cable was plugged in: that is no session yet.
    Column("told", Boolean, nullable=False, default=True, server_default=true()),
    # True where the platform asked for it, so that its id tag is one of ours.
    Column("remote", Boolean, nullable=False, default=False),
    # True where it was running already when the platform asked for it.
    Column("claimed", Boolean, nullable=False, default=False, server_default=false()),
    Column("user_id", String(255)),
    Column("payment_transaction_id", String(255)),
    Column("payment_method", String(255)),
    Column("owner_id", String(255)),
    Column("owner_name", String(255)),
    Column("price_per_kwh", ExactDecimal),
    Column("currency", String(3)),
    # The backend's clock; every time below these two, unless it says otherwise, is the charge point's.
    Column("initiated_at", UtcTime, nullable=False),
    Column("heard_at", UtcTime),
    # Recognises a StartTransaction that is sent again.
    Column("start_key", String(255)),
    Column("start_time", UtcTime),
    Column("clock_ahead", Boolean, nullable=False, default=False),
    Column("meter_start", BigInteger),
    Column("register_wh", BigInteger),
    Column("register_time", UtcTime),
    # Summed up where the meter tells intervals; it counts only as long as no register was sampled.
    Column("interval_wh", BigInteger),
    Column("interval_time", UtcTime),
    Column("energy_wh", BigInteger, nullable=False, default=0),
    Column("meter_reset", Boolean, nullable=False, default=False),
    Column("power_w", Integer),
    Column("soc_percent", ExactDecimal),
    Column("last_time", UtcTime),
    Column("meter_values", JSON),
    # The charge point says that it has no such transaction (any more): its connector is free since
    # `freed_at`, or it booted (no `freed_at`). Noticed by the backend's clock.
    Column("freed_at", UtcTime),
    Column("freed_noticed_at", UtcTime),
    Column("meter_stop", BigInteger),
    Column("stop_time", UtcTime),
    Column("stop_reason", String(40)),
    Column("estimated", Boolean, nullable=False, default=False),
    Index("ix_transactions_start_key", "station_id", "start_key", unique=True),
    Index("ix_transactions_ocpp_id", "station_id", "ocpp_id", unique=True),
    Index("ix_transactions_id_tag", "station_id", "id_tag"),
    Index("ix_transactions_status", "status"),
    Index(
        "ix_transactions_one_open",
        "station_id",
        "connector_id",
        unique=True,
        sqlite_where=text("status <> 'stopped'"),
        postgresql_where=text("status <> 'stopped'"),
    ),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", _RowId, primary_key=True),
    Column("event_id", String(36), nullable=False),
    Column("station_id", String(255), nullable=False),
    Column("type", String(50), nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("state", String(10), nullable=False, default="pending"),
    Column("attempts", Integer, nullable=False, default=0),
    Column("answer", Text),
    Column("settled_at", UtcTime),
    Index(
        "ix_outbox_pending",
        "station_id",
        "id",
        sqlite_where=text("state = 'pending'"),
        postgresql_where=text("state = 'pending'"),
    ),
    Index(
        "ix_outbox_delivered",
        "settled_at",
        sqlite_where=text("state = 'delivered'"),
        postgresql_where=text("state = 'delivered'"),
    ),
    Index(
        "ix_outbox_refused",
        "id",
        sqlite_where=text("state = 'refused'"),
        postgresql_where=text("state = 'refused'"),
    ),
    sqlite_autoincrement=True,
)

station_keys = Table(
    "station_keys",
    metadata,
    # No foreign key: a key may be made before the platform tells of the station.
    Column("station_id", String(255), primary_key=True),
    Column("key_hash", String(64), nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

# Charge points that connected as no known station, for an admin to add or to turn away.
quarantined = Table(
    "quarantined",
    metadata,
    Column("station_id", String(255), primary_key=True),
    Column("address", String(255)),
    Column("subprotocol", String(40)),
    # What it said of itself when it booted.
    Column("boot", JSON),
    Column("first_seen", UtcTime, nullable=False),
    Column("last_seen", UtcTime, nullable=False),
)

# Every frame as it went over the wire, except that id tags and keys are masked. Ids grow with time.
frames = Table(
    "frames",
    metadata,
    Column("id", _RowId, primary_key=True),
    Column("station_id", String(255), nullable=False),
    Column("at", UtcTime, nullable=False),
    # "in" from the charge point, "out" to it.
    Column("direction", String(3), nullable=False),
    # call, result, error, or bad where the frame is none of these.
    Column("kind", String(6), nullable=False),
    # Of an answer, that of the call it answers.
    Column("action", String(50)),
    Column("message_id", String(36)),
    Column("latency_ms", Float),
    Column("error_code", String(50)),
    Column("error", String(255)),
    Column("payload", Text),
    Index("ix_frames_at", "at"),
    Index("ix_frames_station", "station_id", "id"),
    Index("ix_frames_action", "action", "id"),
    Index(
        "ix_frames_error",
        "id",
        sqlite_where=text("error_code is not null"),
        postgresql_where=text("error_code is not null"),
    ),
    sqlite_autoincrement=True,
)

# OCPP 2.0.1: the connector number that the connector of an EVSE goes by on the platform.
evses = Table(
    "evses",
    metadata,
    Column("station_id", ForeignKey("stations.station_id"), primary_key=True),
    Column("evse_id", Integer, primary_key=True, autoincrement=False),
    Column("evse_connector_id", Integer, primary_key=True, autoincrement=False),
    Column("connector_id", Integer, nullable=False),
    Index("ix_evses_connector", "station_id", "connector_id", unique=True),
)
