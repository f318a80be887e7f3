"""Column types that keep the promises every table makes: aware UTC times, exact fixed-point numbers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer
from sqlalchemy.types import TypeDecorator

# SQLite numbers rows by itself only in a column whose type is exactly INTEGER.
BigId = BigInteger().with_variant(Integer(), "sqlite")


class UTCDateTime(TypeDecorator[datetime]):
    """Aware datetimes in, aware UTC datetimes out. SQLite keeps the UTC reading as text."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone cannot be stored: {value!r}")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def result_processor(self, dialect: Dialect, coltype: Any) -> Callable[[Any], datetime | None]:  # noqa: ARG002
        # Of most rows that are read, times are most of the work: the driver's value is made ours in one step.
        return _of_text if dialect.name == "sqlite" else _in_utc


def _of_text(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(f"{text}+00:00")


def _in_utc(at: datetime | None) -> datetime | None:
    return at if at is None or at.tzinfo is UTC else at.astimezone(UTC)


class FixedPoint(TypeDecorator[Decimal]):
    """A `Decimal` in memory, an integer of its last place in the store: 12.34 with 2 places is 1234.

    What has more places is rounded half up.
    """

    impl = BigInteger
    cache_ok = True

    def __init__(self, places: int):
        super().__init__()
        self.places = places

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else to_minor(Decimal(value), self.places)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        return None if value is None else from_minor(value, self.places)


def to_minor(value: Decimal, places: int = 2) -> int:
    return int(value.scaleb(places).to_integral_value(ROUND_HALF_UP))


def from_minor(value: int, places: int = 2) -> Decimal:
    return Decimal(value).scaleb(-places)


def summed_money(total: Any) -> Decimal:
    """A sum over a column of money, 0 where there was nothing to add up."""
    # It comes back typed or as the bare integer, by dialect.
    return total if isinstance(total, Decimal) else from_minor(int(total or 0))


def Money() -> FixedPoint:
    """Amounts in a currency's minor unit."""
    return FixedPoint(2)
