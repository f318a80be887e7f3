"""Charging sessions and what their meters said."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    and_,
    literal_column,
    select,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.analytics.outcome import RUNNING_STATUSES
from db.columns import FixedPoint, Money
from db.membership import Unindexed
from db.models.access import User
from db.models.base import Base, Id, Name, Timestamped, Watt, Wh, Word, utc_now
from db.models.ocpp import OCPPConnector, OCPPStation
from db.models.platform import Tariff

# The same words in a query let it find the few such sessions among all by their index.
_REVIEWED = text("verdict IN ('held', 'accepted', 'corrected')")
_UNJUDGED = text("verdict IS NULL")
_RUNNING_INDEXED = text("status IN ('pending', 'started', 'charging', 'suspended', 'stopping')")


class ChargingSession(Timestamped, Base):
    """One session. The first block is what was reported, the second what we made of it.

    Each reported column only ever takes a later or a larger value, and `ocpp_integration.lifecycle`
    computes the others from them: reports may come in any order, and twice. `asked_at` is when the backend
    was last asked for it in vain. `reported_cost` is the backend's word, `cost` ours and what is paid; `bill`
    has the lines of it where the tariff has more than a price per kWh. `prepaid` is what there is to bill of
    what was paid in advance: it costs no more. `plugged_until` is when the car of such a session was last
    known to be plugged in after its end.

    `verdict` is of one that has ended: counted, held (it cannot be as reported, and counts nowhere until an
    admin has decided), accepted or corrected (as an admin decided; the last of `decisions` says how). While
    it runs there is none, nor where it ended before sessions were judged; such a one counts.
    """

    __tablename__ = "charging_sessions"
    __table_args__ = (
        UniqueConstraint("source", "external_id"),
        Index("ix_charging_sessions_station_start", "ocpp_station_id", "start_time"),
        Index("ix_charging_sessions_start", "start_time"),
        Index("ix_charging_sessions_stop", "stop_time"),
        Index("ix_charging_sessions_status", "status", "heard_at"),
        Index(
            "ix_charging_sessions_reviewed",
            "verdict",
            "start_time",
            sqlite_where=_REVIEWED,
            postgresql_where=_REVIEWED,
        ),
        Index(
            "ix_charging_sessions_running",
            "ocpp_connector_id",
            "start_time",
            sqlite_where=_RUNNING_INDEXED,
            postgresql_where=_RUNNING_INDEXED,
        ),
        Index("ix_charging_sessions_unjudged", "id", sqlite_where=_UNJUDGED, postgresql_where=_UNJUDGED),
    )

    id: Mapped[Id]
    transaction_id: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    source: Mapped[Word] = mapped_column(default="backend")  # backend, import or demo
    external_id: Mapped[Name | None]
    ocpp_station_id: Mapped[int] = mapped_column(ForeignKey("ocpp_stations.id"))
    ocpp_connector_id: Mapped[int | None] = mapped_column(ForeignKey("ocpp_connectors.id"), index=True)
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), index=True)
    id_tag: Mapped[Name | None]
    payment_transaction_id: Mapped[Name | None]
    payment_method: Mapped[Word | None]
    payment_status: Mapped[Word] = mapped_column(default="pending")
    prepaid: Mapped[Decimal | None] = mapped_column(Money())
    plugged_until: Mapped[datetime | None]
    tariff_id: Mapped[int | None] = mapped_column(ForeignKey("tariffs.id"))

    reported_start: Mapped[datetime | None]
    stop_time: Mapped[datetime | None]
    stop_is_estimated: Mapped[bool] = mapped_column(default=False)
    meter_start: Mapped[Wh | None]
    meter_stop: Mapped[Wh | None]
    reported_energy_wh: Mapped[Wh | None]
    reported_cost: Mapped[Decimal | None] = mapped_column(Money())
    reported_status: Mapped[Word | None]
    reported_status_at: Mapped[datetime | None]
    stop_reason: Mapped[Name | None]
    power_w: Mapped[Watt | None]
    power_at: Mapped[datetime | None]
    max_power_w: Mapped[Watt | None]
    soc_percent: Mapped[Decimal | None] = mapped_column(FixedPoint(1))
    charging_seconds: Mapped[int | None]
    heard_at: Mapped[datetime] = mapped_column(default=utc_now)
    asked_at: Mapped[datetime | None]

    start_time: Mapped[datetime]
    status: Mapped[Word] = mapped_column(default="pending")
    energy_wh: Mapped[Wh | None]
    cost: Mapped[Decimal | None] = mapped_column(Money())
    tax: Mapped[Decimal | None] = mapped_column(Money())
    bill: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    flags: Mapped[list[str]] = mapped_column(default=list)
    verdict: Mapped[Word | None]

    @property
    def energy_consumed_kwh(self) -> Decimal | None:
        return None if self.energy_wh is None else Decimal(self.energy_wh).scaleb(-3)

    @property
    def decision(self) -> SessionDecision | None:
        """What an admin decided about it, None where nobody did or it was taken back."""
        return self.decisions[-1] if self.verdict in DECIDED else None

    station: Mapped[OCPPStation] = relationship()
    connector: Mapped[OCPPConnector | None] = relationship()
    user: Mapped[User | None] = relationship()
    tariff: Mapped[Tariff | None] = relationship()
    decisions: Mapped[list[SessionDecision]] = relationship(order_by="SessionDecision.id")


DECIDED = frozenset({"accepted", "corrected"})


def counts() -> ColumnElement[bool]:
    """Of sessions: those that count, which all do but the ones that are held."""
    return ChargingSession.verdict.is_distinct_from("held")


def has_verdict(verdict: str) -> ColumnElement[bool]:
    """Of sessions: those that are held, accepted or corrected, found by their index."""
    return and_(_REVIEWED, ChargingSession.verdict == verdict)


def is_running() -> ColumnElement[bool]:
    """Of sessions: those that have not ended, which are few among all, found by their index."""
    return ChargingSession.status.in_([literal_column(f"'{status}'") for status in RUNNING_STATUSES])


def runs_at(connector: OCPPConnector) -> ColumnElement[bool]:
    """Of sessions: those that run at the connector, looked for among what runs, and not among all that it
    ever had.
    """
    running = select(ChargingSession.id).where(is_running()).correlate(None)
    return and_(ChargingSession.id.in_(running), Unindexed(ChargingSession.ocpp_connector_id) == connector.id)


def is_unjudged() -> ColumnElement[bool]:
    """Of sessions: those that run, and those that ended before sessions were judged."""
    return ChargingSession.verdict.is_(None)


class SessionDecision(Base):
    """What an admin decided about a session that was held. Nothing of it is ever changed.

    `verdict` is accepted, corrected (to `energy_wh`, `cost` and the `tax` in it) or held: the decision before
    was taken back. `reported` is what was known of the session then: its times, registers, energy and cost.
    """

    __tablename__ = "session_decisions"

    id: Mapped[Id]
    session_id: Mapped[int] = mapped_column(ForeignKey("charging_sessions.id"), index=True)
    at: Mapped[datetime] = mapped_column(default=utc_now)
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    user_name: Mapped[Name] = mapped_column(default="")  # empty for the command line
    verdict: Mapped[Word]
    reason: Mapped[str] = mapped_column(Text)
    energy_wh: Mapped[Wh | None]
    cost: Mapped[Decimal | None] = mapped_column(Money())
    tax: Mapped[Decimal | None] = mapped_column(Money())
    reported: Mapped[dict[str, Any]] = mapped_column(JSON)


class PackedColumn(Base):
    """One column of all sessions whose stop is in a day of UTC, as `db.packed` packs it.

    A copy, so that figures of very many sessions are read at once. Triggers on the sessions delete a day's
    copy in the transaction that changes one of them, whoever does so.
    """

    __tablename__ = "packed_columns"

    day: Mapped[date] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class SessionMeterValue(Base):
    """One sampled value, at the charge point's own time."""

    __tablename__ = "session_meter_values"
    __table_args__ = (Index("ix_session_meter_values_session_time", "session_id", "timestamp"),)

    id: Mapped[Id]
    session_id: Mapped[int] = mapped_column(ForeignKey("charging_sessions.id"))
    timestamp: Mapped[datetime]
    measurand: Mapped[Word]
    value: Mapped[Decimal] = mapped_column(FixedPoint(3))
    unit: Mapped[Word | None]
    context: Mapped[Word | None]
    location: Mapped[Word | None]
    phase: Mapped[Word | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
