"""The machinery: recorded webhooks, commands, job runs, rollups."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Date,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.access import User
from db.models.base import Base, Id, Name, Word, utc_now
from db.models.ocpp import OCPPConnector


class WebhookEvent(Base):
    """A webhook as it came in, and what became of it.

    `state`: received (to be applied), waiting (its station is not known yet), applied, ignored (a type
    that we do not know), dead (cannot be applied; `error` says why), pruned (applied long ago: the body is
    gone, key and digest stay for ever, so that a resend is still known). `released_at` is when one that
    waited was taken up again.
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
    released_at: Mapped[datetime | None]
    applied_at: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text)


class Command(Base):
    """One command that somebody gave. Its later steps are read off what the charge point reported since.

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
    kind: Mapped[Word]  # start, stop, or a key of `ocpp_integration.operating.OPERATIONS`
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
    user: Mapped[User | None] = relationship()


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
    """One run of a job. `slot` is the time it was due: of all schedulers only one gets the row.

    `state`: requested (waits for a scheduler), running, done, failed (`error` says why, `advice` what to
    do), cancelled (ended on the way, because its process was), lost (its process no longer beats for it).
    A slot that was cancelled or lost is run again, as its next `attempt`. `trigger`: schedule, request
    (somebody asked for it on the dashboard), hand (`manage.py run-job`). `note` says more of what it did.
    """

    __tablename__ = "job_runs"
    __table_args__ = (
        UniqueConstraint("job", "slot", "attempt"),
        Index("ix_job_runs_job_started", "job", "started_at"),
        # Of one job one run at a time, on whatever host, and one request: the second click meets this.
        Index(
            "uq_job_runs_running",
            "job",
            unique=True,
            sqlite_where=text("state = 'running'"),
            postgresql_where=text("state = 'running'"),
        ),
        Index(
            "uq_job_runs_requested",
            "job",
            unique=True,
            sqlite_where=text("state = 'requested'"),
            postgresql_where=text("state = 'requested'"),
        ),
    )

    id: Mapped[Id]
    job: Mapped[Word]
    slot: Mapped[datetime]
    attempt: Mapped[int] = mapped_column(default=1)
    trigger: Mapped[Word] = mapped_column(default="schedule")
    requested_by: Mapped[Name | None]
    host: Mapped[Name] = mapped_column(default="")
    started_at: Mapped[datetime] = mapped_column(default=utc_now)
    heartbeat_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    state: Mapped[Word] = mapped_column(default="running")
    done: Mapped[int | None]
    total: Mapped[int | None]
    processed: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    note: Mapped[str | None] = mapped_column(Text)
    error: Mapped[str | None] = mapped_column(Text)
    advice: Mapped[str | None] = mapped_column(Text)


class JobSchedule(Base):
    """What should run when, as the schedulers told: every `seconds`, or by `cron` (UTC).

    `about` says what the job is for, `next_due` when its next run should begin; a `quiet` one runs all the
    time and leaves no rows of it.
    """

    __tablename__ = "job_schedules"

    job: Mapped[Word] = mapped_column(primary_key=True)
    about: Mapped[Name] = mapped_column(default="")
    seconds: Mapped[float | None]
    cron: Mapped[Name | None]
    quiet: Mapped[bool] = mapped_column(default=False)
    next_due: Mapped[datetime]
    updated_at: Mapped[datetime]


class JobPosition(Base):
    """How far a job has come that goes through all of history a piece at a time."""

    __tablename__ = "job_positions"

    job: Mapped[Word] = mapped_column(primary_key=True)
    position: Mapped[Name]


class Rollup(Base):
    """Sums for one scope and one local day or month, so that a chart reads few rows.

    `scope` is station (`scope_id` an `ocpp_stations.id`), owner (`station_owners.id`) or network (0);
    `bucket` is the first day of it on the clocks of the stations it sums. A session counts where it ended, an
    arrival where it began, seconds where they passed: occupied is plugged in, charging is energy flowing.
    """

    __tablename__ = "rollups"
    # Read by ranges of its key and by nothing else: on SQLite the key is the table.
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012

    scope: Mapped[str] = mapped_column(String(10), primary_key=True)
    scope_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    grain: Mapped[str] = mapped_column(String(5), primary_key=True)
    bucket: Mapped[date] = mapped_column(Date, primary_key=True)
    currency: Mapped[str] = mapped_column(String(3), primary_key=True)

    sessions: Mapped[int] = mapped_column(BigInteger, default=0)
    attempts: Mapped[int] = mapped_column(BigInteger, default=0)
    failed_attempts: Mapped[int] = mapped_column(BigInteger, default=0)
    valid_stops: Mapped[int] = mapped_column(BigInteger, default=0)
    energy_wh: Mapped[int] = mapped_column(BigInteger, default=0)
    revenue_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    tax_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    arrivals: Mapped[int] = mapped_column(BigInteger, default=0)
    occupied_seconds: Mapped[int] = mapped_column(BigInteger, default=0)
    charging_seconds: Mapped[int] = mapped_column(BigInteger, default=0)
    observed_seconds: Mapped[int] = mapped_column(BigInteger, default=0)
    outage_seconds: Mapped[int] = mapped_column(BigInteger, default=0)


# Many stations' sums of the same days. On SQLite a look for each station costs less than a copy to keep.
Index(
    "ix_rollups_side_by_side",
    *(Rollup.scope, Rollup.grain, Rollup.bucket, Rollup.scope_id, Rollup.currency),
    postgresql_include=[
        *("sessions", "attempts", "energy_wh", "revenue_minor", "tax_minor"),
        *("observed_seconds", "outage_seconds"),
    ],
).ddl_if(dialect="postgresql")


class HourProfile(Base):
    """Sums by hour of the local clock, for one day or for one weekday (0 is Monday) of a month.

    `a00` to `a23` are arrivals, `w00` to `w23` the Wh that flowed in that hour. Scopes are those of
    `Rollup`; a station has no days of its own, since its sessions of a few days are quickly read.
    """

    __table__ = Table(
        "hour_profiles",
        Base.metadata,
        Column("scope", String(10), primary_key=True),
        Column("scope_id", BigInteger, primary_key=True),
        Column("grain", String(5), primary_key=True),
        Column("bucket", Date, primary_key=True),
        Column("weekday", SmallInteger, primary_key=True),
        *(Column(f"{what}{hour:02}", BigInteger, nullable=False) for what in "aw" for hour in range(24)),
        sqlite_with_rowid=False,
    )
