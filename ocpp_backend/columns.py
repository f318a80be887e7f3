"""Column types that keep what SQLite would lose: the time zone and decimal places."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import DateTime, Dialect, String
from sqlalchemy.types import TypeDecorator

_WITHOUT_ZONE = len("2026-01-01 00:00:00.000000")


class UtcTime(TypeDecorator[datetime]):
    """Aware UTC in and out; a naive datetime is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect | None) -> datetime | None:
        if value is None or value.tzinfo is UTC:
            return value
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        return value.astimezone(UTC)

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        # SQLAlchemy's own would take as long for a time as for the rest of its row.
        return self._as_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def _as_text(self, value: datetime | None) -> str | None:
        moment = self.process_bind_param(value, None)
        return None if moment is None else moment.isoformat(" ", "microseconds")[:_WITHOUT_ZONE]

    def process_result_value(self, value: Any, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class ExactDecimal(TypeDecorator[Decimal]):
    """A decimal kept as text, because SQLite keeps numbers with places as floats."""

    impl = String(40)
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, _dialect: Dialect) -> str | None:
        return None if value is None else f"{value:f}"

    def process_result_value(self, value: Any, _dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)
