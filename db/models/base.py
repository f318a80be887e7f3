"""The declarative base, and the columns that most tables share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from sqlalchemy import JSON, BigInteger, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from db.columns import BigId, UTCDateTime

Id = Annotated[int, mapped_column(BigId, primary_key=True, autoincrement=True)]
Name = Annotated[str, mapped_column(String(255))]
Word = Annotated[str, mapped_column(String(50))]
Wh = Annotated[int, mapped_column(BigInteger)]
Watt = Annotated[int, mapped_column(BigInteger)]


def utc_now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    # Names of constraints are needed for migrations on SQLite, which cannot drop a nameless one.
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UTCDateTime(), list[str]: JSON()}  # noqa: RUF012


class Timestamped:
    """When the row was made and last changed."""

    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)
