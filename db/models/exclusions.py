"""Outages that do not count, by somebody's word."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.access import User
from db.models.base import Base, Id, Word, utc_now


class OutageExclusion(Base):
    """Time in which an outage of a station, or of one of its connectors, is not held against it.

    `reason` is a key of `db.analytics.exclusions.REASONS`. It is never deleted: `revoked_at` ends it.
    """

    __tablename__ = "outage_exclusions"
    __table_args__ = (Index("ix_outage_exclusions_station", "ocpp_station_id", "started_at"),)

    id: Mapped[Id]
    ocpp_station_id: Mapped[int] = mapped_column(ForeignKey("ocpp_stations.id"))
    ocpp_connector_id: Mapped[int | None] = mapped_column(ForeignKey("ocpp_connectors.id"))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    reason: Mapped[Word]
    notes: Mapped[str] = mapped_column(Text, default="")
    entered_by_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    entered_at: Mapped[datetime] = mapped_column(default=utc_now)
    revoked_at: Mapped[datetime | None]

    entered_by: Mapped[User] = relationship()
