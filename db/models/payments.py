"""What drivers pay in advance at a connector's code, and what becomes of it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, event, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.columns import Money
from db.models.base import Base, Id, Name, Timestamped, Wh, Word, utc_now
from db.models.ocpp import OCPPConnector


class ConnectorToken(Base):
    """The token in a connector's code. A connector has one that is not revoked, and it is random."""

    __tablename__ = "connector_tokens"
    __table_args__ = (
        Index(
            "uq_connector_tokens_valid",
            "ocpp_connector_id",
            unique=True,
            sqlite_where=text("revoked_at IS NULL"),
            postgresql_where=text("revoked_at IS NULL"),
        ),
    )

    id: Mapped[Id]
    ocpp_connector_id: Mapped[int] = mapped_column(ForeignKey("ocpp_connectors.id"))
    token: Mapped[Word] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    revoked_at: Mapped[datetime | None]

    connector: Mapped[OCPPConnector] = relationship()


class Payment(Timestamped, Base):
    """One attempt to pay for a charge, under a random `reference` that only the driver and the provider have.

    `state`: pending (the driver is at the provider), failed, expired (not paid in time), mismatched (what the
    provider tells is another payment than we asked for; people look at it), paid (charging is to be started),
    charging, settled (billed; what is left is given back). `refund_state`: due, sent (asked for, no answer
    seen: never asked for again), done, by_hand (the provider did not, people have to).

    `written_off` is what its session would have cost beyond what was there of it. `rebill_at` is since when
    its session costs another sum than was billed.

    `paid`, `billed`, `refunded` and `held` are the sums of its movements; the store refuses any other.
    `due_at` is when the provider is asked next, `leased_until` until when one worker is at it.
    `provider_reference` is what the provider itself calls the payment.
    """

    __tablename__ = "payments"
    __table_args__ = (
        CheckConstraint("paid = billed + refunded + held", name="conserved"),
        CheckConstraint("paid >= 0 AND billed >= 0 AND refunded >= 0 AND held >= 0", name="not_negative"),
        Index("ix_payments_connector", "ocpp_connector_id", "created_at"),
    )

    id: Mapped[Id]
    reference: Mapped[Word] = mapped_column(unique=True)
    ocpp_connector_id: Mapped[int] = mapped_column(ForeignKey("ocpp_connectors.id"))
    provider: Mapped[Word]
    provider_reference: Mapped[Name | None]
    phone: Mapped[Word]
    currency: Mapped[Word]
    amount: Mapped[Decimal] = mapped_column(Money())
    wanted_wh: Mapped[Wh | None]
    state: Mapped[Word] = mapped_column(default="pending", index=True)
    refund_state: Mapped[Word | None]
    checkout_url: Mapped[str | None] = mapped_column(Text)
    transaction_id: Mapped[int | None] = mapped_column(BigInteger, index=True)
    error: Mapped[str | None] = mapped_column(Text)
    expires_at: Mapped[datetime]
    due_at: Mapped[datetime | None] = mapped_column(index=True)
    leased_until: Mapped[datetime | None]
    paid_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    rebill_at: Mapped[datetime | None] = mapped_column(index=True)

    paid: Mapped[Decimal] = mapped_column(Money(), default=Decimal(0))
    billed: Mapped[Decimal] = mapped_column(Money(), default=Decimal(0))
    refunded: Mapped[Decimal] = mapped_column(Money(), default=Decimal(0))
    held: Mapped[Decimal] = mapped_column(Money(), default=Decimal(0))
    written_off: Mapped[Decimal] = mapped_column(Money(), default=Decimal(0), server_default=text("0"))

    connector: Mapped[OCPPConnector] = relationship()


class PaymentMovement(Base):
    """Money that moved: paid (from the driver to us), billed or refunded (out of what is held), credited
    (back to what is held, from what was billed too much). `number` counts a payment's. Never changed.
    """

    __tablename__ = "payment_movements"
    __table_args__ = (UniqueConstraint("payment_id", "number"),)

    id: Mapped[Id]
    payment_id: Mapped[int] = mapped_column(ForeignKey("payments.id"))
    number: Mapped[int]
    kind: Mapped[Word]
    amount: Mapped[Decimal] = mapped_column(Money())
    at: Mapped[datetime] = mapped_column(default=utc_now)


class SandboxPayment(Base):
    """A payment at the sandbox provider: pending, success or failed; `callback_due` until that was told."""

    __tablename__ = "sandbox_payments"

    reference: Mapped[Word] = mapped_column(primary_key=True)
    amount: Mapped[Decimal] = mapped_column(Money())
    currency: Mapped[Word]
    status: Mapped[Word] = mapped_column(default="pending")
    refunded: Mapped[Decimal] = mapped_column(Money(), default=Decimal(0))
    callback_due: Mapped[bool] = mapped_column(default=False)
    return_url: Mapped[Name]


def _refuse(_mapper: Any, _connection: Any, movement: PaymentMovement) -> None:
    raise ValueError(f"movement {movement.id} of money happened and cannot be changed")


event.listen(PaymentMovement, "before_update", _refuse)
event.listen(PaymentMovement, "before_delete", _refuse)
