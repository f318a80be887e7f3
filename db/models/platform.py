"""What the platform knows: owners, stations, connectors, tariffs."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import JSON, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.columns import FixedPoint
from db.models.base import Base, Id, Name, Timestamped, Watt, Word, utc_now


class StationOwner(Timestamped, Base):
    """`fee_percent` is what the platform keeps of what drivers pay, of sessions that are yet to be stated."""

    __tablename__ = "station_owners"

    id: Mapped[Id]
    name: Mapped[Name] = mapped_column(unique=True)
    fee_percent: Mapped[Decimal] = mapped_column(FixedPoint(2), default=Decimal(0), server_default="0")


class ChargingStation(Timestamped, Base):
    """A station as the platform describes it: its place, its clock, its currency.

    `source` says who keeps it up: mengedmate (it is deactivated when it vanishes there), file, or nobody.
    """

    __tablename__ = "charging_stations"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    owner_id: Mapped[int] = mapped_column(ForeignKey("station_owners.id"), index=True)
    name: Mapped[Name]
    address: Mapped[Name] = mapped_column(default="")
    city: Mapped[Name] = mapped_column(default="")
    country: Mapped[Name] = mapped_column(default="")
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    timezone: Mapped[Word]
    currency: Mapped[Word]
    source: Mapped[Word] = mapped_column(default="")
    is_active: Mapped[bool] = mapped_column(default=True)

    owner: Mapped[StationOwner] = relationship()
    connectors: Mapped[list[ChargingConnector]] = relationship(
        back_populates="station", order_by="ChargingConnector.number", cascade="all, delete-orphan"
    )


class ChargingConnector(Timestamped, Base):
    """One physical connector; `number` is its OCPP connector id, counted from 1 within the station.

    `external_id` is the platform's id. Where that stands for several alike, `unit` counts them from 1. One
    that the platform no longer lists is not active; its number is never given to another.
    """

    __tablename__ = "charging_connectors"
    __table_args__ = (
        UniqueConstraint("station_id", "number"),
        Index("uq_charging_connectors_external", "station_id", "external_id", "unit", unique=True),
    )

    id: Mapped[Id]
    station_id: Mapped[UUID] = mapped_column(ForeignKey("charging_stations.id"))
    number: Mapped[int]
    connector_type: Mapped[Word] = mapped_column(default="other")
    power_w: Mapped[Watt | None]
    tariff_id: Mapped[int | None] = mapped_column(ForeignKey("tariffs.id"))
    external_id: Mapped[Name | None]
    unit: Mapped[int] = mapped_column(default=1)
    qr_code_token: Mapped[Name | None]
    is_active: Mapped[bool] = mapped_column(default=True)

    station: Mapped[ChargingStation] = relationship(back_populates="connectors")
    tariff: Mapped[Tariff | None] = relationship()


class Tariff(Base):
    """One version of a tariff. Never edited: a new price is a new row.

    `code` is what a tariff is called through its versions, which are counted from 1; a platform's price has
    none. `price_per_kwh` contains VAT and is all there is to know, unless there is a `document`: the OCPI
    tariff by which is billed. Then it is what energy costs where no restriction holds.
    """

    __tablename__ = "tariffs"
    __table_args__ = (Index("uq_tariffs_code", "code", "version", unique=True),)

    id: Mapped[Id]
    name: Mapped[Name]
    currency: Mapped[Word]
    price_per_kwh: Mapped[Decimal] = mapped_column(FixedPoint(4))
    vat_percent: Mapped[Decimal] = mapped_column(FixedPoint(2))
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime | None]
    code: Mapped[Word | None]
    version: Mapped[int | None]
    document: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class TariffAssignment(Base):
    """That a tariff holds at a connector, a station, or all stations of an owner: at one of the three.

    Whichever of its versions is in force when a session starts is the session's. It is never deleted:
    `valid_until` ends it. Times are never changed once they are past.
    """

    __tablename__ = "tariff_assignments"
    id: Mapped[Id]
    code: Mapped[Word]
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("station_owners.id"))
    charging_station_id: Mapped[UUID | None] = mapped_column(ForeignKey("charging_stations.id"))
    charging_connector_id: Mapped[int | None] = mapped_column(ForeignKey("charging_connectors.id"))
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)

    owner: Mapped[StationOwner | None] = relationship()
    station: Mapped[ChargingStation | None] = relationship()
    connector: Mapped[ChargingConnector | None] = relationship()
