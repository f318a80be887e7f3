"""The machinery: recorded webhooks, commands, job runs, rollups."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.base import Base, Id, Name, Word, utc_now
from db.models.ocpp import OCPPConnector


class WebhookEvent(Base):
    """A webhook as it came in, and what became of it.

    `state`: received (to be applied), waiting (its station is not known yet), applied, ignored (a type
    that we do not know), dead (cannot be applied; `error` says why).
    """

    __tablename__ = "webhook_events"
    __table_args__ = (Index("ix_webhook_events_state", "state", "id"),)

    id: Mapped[Id]
    event_key: Mapped[Name] = mapped_column(unique=True)
    body_digest: Mapped[str] = mapped_column(String(80))
    type: Mapped[Word]
    station_id: Mapped[Name | None] = mapped_column(index=True)
    transaction_id: Mapped[int | None] = mapped_column(BigInteger)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[datetime] = mapped_column(default=utc_now)
    state: Mapped[Word] = mapped_column(default="received")
    applied_at: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text)


class Command(Base):
    """One start or stop that somebody asked for. Its later steps are read off the session it made.

    `state`: open (sent, no answer yet), accepted, failed (`error` says why), unknown (no answer came; what
    happened is found out by reading, never by sending again). `request_digest` tells whether a key comes
    with the request it was first used for, `outcome` is what the asker was told, to be told once more.
    """

    __tablename__ = "commands"
    __table_args__ = (
        # Those that are not settled are few among all that ever were.
        Index("ix_commands_state", "state", "sent_at"),
        # The second tab and the double click meet this index, not the charge point.
        Index(
            "uq_commands_open_connector",
            "ocpp_connector_id",
            "kind",
            unique=True,
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
    )

    id: Mapped[Id]
    idempotency_key: Mapped[Name] = mapped_column(unique=True)
    kind: Mapped[Word]  # start or stop
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    ocpp_connector_id: Mapped[int] = mapped_column(ForeignKey("ocpp_connectors.id"))
    transaction_id: Mapped[int | None] = mapped_column(BigInteger)
    payment_transaction_id: Mapped[Name | None]
    payment_method: Mapped[Word | None]
    state: Mapped[Word] = mapped_column(default="open")
    error: Mapped[str | None] = mapped_column(Text)
    request_digest: Mapped[str | None] = mapped_column(String(64))
    outcome: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    sent_at: Mapped[datetime] = mapped_column(default=utc_now)
    answered_at: Mapped[datetime | None]

    connector: Mapped[OCPPConnector] = relationship()


class BackendState(Base):
    """The one row (1) that tells of the OCPP backend: since when it is down (null: it is not), why, and when
    it last answered.
    """

    __tablename__ = "backend_state"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    down_since: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(Text)
    last_ok: Mapped[datetime | None]


class RequestCount(Base):
    """How many requests came under `key` in the window that ends at `ends_at` (seconds since 1970).

    On SQLite the rows are in a file of their own (see `db.request_counts`), and this table stays empty.
    """

    __tablename__ = "request_counts"

    key: Mapped[Name] = mapped_column(primary_key=True)
    ends_at: Mapped[float] = mapped_column(Double)
    requests: Mapped[int]


class JobRun(Base):
    """One run of a job. `slot` is the time it was due: of all schedulers only one gets the row."""

    __tablename__ = "job_runs"
    __table_args__ = (UniqueConstraint("job", "slot"), Index("ix_job_runs_job_started", "job", "started_at"))

    id: Mapped[Id]
    job: Mapped[Word]
    slot: Mapped[datetime]
    host: Mapped[Name] = mapped_column(default="")
    started_at: Mapped[datetime] = mapped_column(default=utc_now)
    ended_at: Mapped[datetime | None]
    state: Mapped[Word] = mapped_column(default="running")  # running, done or failed
    processed: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(Text)


class Rollup(Base):
    """Sums for one scope and one local hour, day or month, so that a chart reads few rows.

    `scope` is station (`scope_id` an `ocpp_stations.id`), owner (`station_owners.id`) or network (0);
    `bucket` is the beginning of the hour, day or month on the clocks of the stations it sums. A session
    counts where it ended, an arrival where it began, observed and outage seconds where they passed.
    """

    __tablename__ = "rollups"

    scope: Mapped[str] = mapped_column(String(10), primary_key=True)
    scope_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    grain: Mapped[str] = mapped_column(String(5), primary_key=True)
    bucket: Mapped[datetime] = mapped_column(DateTime(timezone=False), primary_key=True)
    currency: Mapped[str] = mapped_column(String(3), primary_key=True)

    sessions: Mapped[int] = mapped_column(BigInteger, default=0)
    attempts: Mapped[int] = mapped_column(BigInteger, default=0)
    failed_attempts: Mapped[int] = mapped_column(BigInteger, default=0)
    energy_wh: Mapped[int] = mapped_column(BigInteger, default=0)
    revenue_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    arrivals: Mapped[int] = mapped_column(BigInteger, default=0)
    observed_seconds: Mapped[int] = mapped_column(BigInteger, default=0)
    outage_seconds: Mapped[int] = mapped_column(BigInteger, default=0)
