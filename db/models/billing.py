"""Receipts of sessions, statements of owners, and what the billing audit found.

A receipt, a statement and its lines are written once. Nothing here changes one, and the store refuses to.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, Date, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.columns import FixedPoint, Money
from db.models.base import Base, Id, Name, Wh, Word, utc_now
from db.models.platform import StationOwner

_OPEN = text("closed_at IS NULL")


class ReceiptNumber(Base):
    """The last number that an owner gave to a receipt in a year: whoever raises it has the next one."""

    __tablename__ = "receipt_numbers"

    owner_id: Mapped[int] = mapped_column(ForeignKey("station_owners.id"), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True)
    last: Mapped[int]


class Receipt(Base):
    """What a driver was charged for a session, as it was told once. `document` has all that is printed.

    `number` counts an owner's receipts of a `year` (of the day of issue on the station's clock) without gaps.
    Where the session was corrected afterwards there is a further one: `revision` counts them from 0.
    """

    __tablename__ = "receipts"
    __table_args__ = (
        UniqueConstraint("owner_id", "year", "number"),
        UniqueConstraint("session_id", "revision"),
    )

    id: Mapped[Id]
    owner_id: Mapped[int] = mapped_column(ForeignKey("station_owners.id"))
    year: Mapped[int]
    number: Mapped[int]
    session_id: Mapped[int] = mapped_column(ForeignKey("charging_sessions.id"))
    revision: Mapped[int]
    issued_at: Mapped[datetime] = mapped_column(default=utc_now)
    energy_wh: Mapped[Wh]
    gross: Mapped[Decimal] = mapped_column(Money())
    tax: Mapped[Decimal | None] = mapped_column(Money())
    document: Mapped[dict[str, Any]] = mapped_column(JSON)

    @property
    def name(self) -> str:
        return f"R{self.owner_id}-{self.year}-{self.number:06}"


class Statement(Base):
    """What an owner's sessions of a month came to, in one currency; `month` is its first day.

    Sums are those of its lines; `sessions` are the lines of the month itself. `gross` is what drivers pay,
    `tax` the VAT known to be in it, `fee` the platform's share, and the rest is due to the owner.
    """

    __tablename__ = "statements"
    __table_args__ = (UniqueConstraint("owner_id", "currency", "month"),)

    id: Mapped[Id]
    owner_id: Mapped[int] = mapped_column(ForeignKey("station_owners.id"))
    owner_name: Mapped[Name]
    currency: Mapped[Word]
    month: Mapped[date] = mapped_column(Date)
    issued_at: Mapped[datetime] = mapped_column(default=utc_now)
    issued_by: Mapped[Name] = mapped_column(default="")  # empty for the command line
    sessions: Mapped[int]
    energy_wh: Mapped[Wh]
    gross: Mapped[Decimal] = mapped_column(Money())
    tax: Mapped[Decimal] = mapped_column(Money())
    fee: Mapped[Decimal] = mapped_column(Money())

    owner: Mapped[StationOwner] = relationship()

    @property
    def name(self) -> str:
        return f"S{self.owner_id}-{self.month:%Y-%m}-{self.currency}"

    @property
    def net(self) -> Decimal:
        return self.gross - self.tax

    @property
    def due(self) -> Decimal:
        return self.gross - self.fee


class StatementLine(Base):
    """What a statement adds for one session: all of it, or how it differs from what was stated before.

    `kind` is session (ended in the statement's month), late (of an earlier month, but stated for the first
    time) or correction (stated before, in `stated_month`; a credit where `gross` is negative). `fee_percent`
    stays that of the session's first line. Names and times are those of when it was issued.
    """

    __tablename__ = "statement_lines"
    __table_args__ = (UniqueConstraint("statement_id", "session_id"),)

    id: Mapped[Id]
    statement_id: Mapped[int] = mapped_column(ForeignKey("statements.id"))
    session_id: Mapped[int] = mapped_column(ForeignKey("charging_sessions.id"), index=True)
    kind: Mapped[Word]
    stated_month: Mapped[date | None] = mapped_column(Date)
    station_name: Mapped[Name]
    connector_number: Mapped[int | None]
    session_name: Mapped[Name]
    ended_at: Mapped[datetime]
    timezone: Mapped[Word]
    energy_wh: Mapped[Wh]
    gross: Mapped[Decimal] = mapped_column(Money())
    tax: Mapped[Decimal] = mapped_column(Money())
    fee_percent: Mapped[Decimal] = mapped_column(FixedPoint(2))
    fee: Mapped[Decimal] = mapped_column(Money())


class BillingFinding(Base):
    """Something in the billing that does not add up, from when it was first seen until it no longer held.

    `check` is a key of `ocpp_integration.billing.checks.CHECKS`, `subject` tells its findings apart,
    `session_ids` are the rows behind it, `amount` is what is at stake (None: not known).
    """

    __tablename__ = "billing_findings"
    __table_args__ = (
        # One that comes back is a new finding.
        Index(
            "uq_billing_findings_open",
            "check",
            "subject",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
        Index("ix_billing_findings_closed", "closed_at", "id"),
    )

    id: Mapped[Id]
    check: Mapped[Word]
    subject: Mapped[Name]
    owner_id: Mapped[int] = mapped_column(ForeignKey("station_owners.id"))
    ocpp_station_id: Mapped[int | None] = mapped_column(ForeignKey("ocpp_stations.id"))
    session_ids: Mapped[list[int]] = mapped_column(JSON)
    statement_id: Mapped[int | None] = mapped_column(ForeignKey("statements.id"))
    words: Mapped[str] = mapped_column(Text)
    amount: Mapped[Decimal | None] = mapped_column(Money())
    currency: Mapped[Word]
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
