"""Stations and connectors as the OCPP backend reports them, and what it said."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    literal_column,
    or_,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.base import Base, Id, Name, Timestamped, Word, utc_now
from db.models.platform import ChargingConnector, ChargingStation


class OCPPStation(Timestamped, Base):
    """A charge point. `status_at` is the time of the newest report, so that an older one changes nothing.

    `sync_digest` is of what the backend was last told and took; `sync_error` and `sync_failed_at` say why and
    when it last refused, `sync_failures` how often in a row, `sync_after` when it is told again.
    """

    __tablename__ = "ocpp_stations"

    id: Mapped[Id]
    station_id: Mapped[Name] = mapped_column(unique=True)
    charging_station_id: Mapped[UUID] = mapped_column(ForeignKey("charging_stations.id"), unique=True)
    vendor: Mapped[Name] = mapped_column(default="")
    model: Mapped[Name] = mapped_column(default="")
    firmware_version: Mapped[Name] = mapped_column(default="")
    status: Mapped[Word] = mapped_column(default="unavailable")
    status_at: Mapped[datetime | None]
    is_online: Mapped[bool] = mapped_column(default=False)
    last_heartbeat: Mapped[datetime | None]
    ocpp_websocket_url: Mapped[Name] = mapped_column(default="")
    synced_at: Mapped[datetime | None]
    sync_digest: Mapped[str | None] = mapped_column(String(64))
    sync_error: Mapped[str | None] = mapped_column(Text)
    sync_failed_at: Mapped[datetime | None]
    sync_failures: Mapped[int] = mapped_column(default=0, server_default="0")
    sync_after: Mapped[datetime | None]

    charging_station: Mapped[ChargingStation] = relationship()
    connectors: Mapped[list[OCPPConnector]] = relationship(
        back_populates="station", order_by="OCPPConnector.connector_id", cascade="all, delete-orphan"
    )


class OCPPConnector(Timestamped, Base):
    __tablename__ = "ocpp_connectors"
    __table_args__ = (UniqueConstraint("ocpp_station_id", "connector_id"),)

    id: Mapped[Id]
    ocpp_station_id: Mapped[int] = mapped_column(ForeignKey("ocpp_stations.id"))
    connector_id: Mapped[int]
    charging_connector_id: Mapped[int | None] = mapped_column(ForeignKey("charging_connectors.id"))
    status: Mapped[Word] = mapped_column(default="unavailable")
    status_at: Mapped[datetime | None]
    error_code: Mapped[Name] = mapped_column(default="")
    info: Mapped[Name] = mapped_column(default="")
    vendor_id: Mapped[Name] = mapped_column(default="")
    vendor_error_code: Mapped[Name] = mapped_column(default="")

    station: Mapped[OCPPStation] = relationship(back_populates="connectors")
    charging_connector: Mapped[ChargingConnector | None] = relationship()


class ConnectorStatusInterval(Base):
    """A connector was in `status` from `started_at` to `ended_at` (open while it still is), half-open.

    `status` is a connector's or `offline`. One row per report, so that reports may arrive in any order.
    """

    __tablename__ = "connector_status_intervals"
    __table_args__ = (
        UniqueConstraint("ocpp_connector_id", "started_at"),
        # All that the sums of open intervals are made of.
        Index("ix_connector_status_intervals_open", "ended_at", "ocpp_connector_id", "started_at", "status"),
    )

    id: Mapped[Id]
    ocpp_connector_id: Mapped[int] = mapped_column(ForeignKey("ocpp_connectors.id"))
    status: Mapped[Word]
    error_code: Mapped[Name] = mapped_column(default="")
    vendor_error_code: Mapped[Name] = mapped_column(default="")
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


# Faults and errors are few among all that was ever reported, and this index has them. Whoever looks for some
# of them says this too: no planner sees by itself that what it is asked for is in the index.
TELLS_OF_TROUBLE = or_(
    ConnectorStatusInterval.status == literal_column("'faulted'"),
    ConnectorStatusInterval.error_code != literal_column("''"),
    ConnectorStatusInterval.vendor_error_code != literal_column("''"),
)
Index(
    "ix_connector_status_intervals_trouble",
    ConnectorStatusInterval.ocpp_connector_id,
    ConnectorStatusInterval.started_at,
    sqlite_where=TELLS_OF_TROUBLE,
    postgresql_where=TELLS_OF_TROUBLE,
)

# Few of all statuses ever reported, and this index has them. Whoever looks for some of them says just this:
# no planner sees by itself that what it is asked for is in the index.
IS_DOWN = ConnectorStatusInterval.status.in_(
    [literal_column(f"'{status}'") for status in ("faulted", "offline", "unavailable")]
)
Index(
    "ix_connector_status_intervals_down",
    ConnectorStatusInterval.started_at,
    ConnectorStatusInterval.ocpp_connector_id,
    sqlite_where=IS_DOWN,
    postgresql_where=IS_DOWN,
)


class OCPPLog(Base):
    """What passed between us and the backend: `message_type` is call, call_result or call_error."""

    __tablename__ = "ocpp_logs"
    __table_args__ = (Index("ix_ocpp_logs_station_id_timestamp", "station_id", "timestamp"),)

    id: Mapped[Id]
    station_id: Mapped[Name | None]
    session_transaction_id: Mapped[int | None] = mapped_column(BigInteger)
    level: Mapped[Word] = mapped_column(default="info")
    message_type: Mapped[Word] = mapped_column(default="call")
    action: Mapped[Word]
    message: Mapped[str] = mapped_column(Text, default="")
    raw_data: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    timestamp: Mapped[datetime] = mapped_column(default=utc_now, index=True)
