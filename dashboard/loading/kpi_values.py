"""Every KPI by its key, and the rows behind it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from dashboard import resources
from dashboard.loading.kept import kept
from db.analytics.definitions import Kpi, Value, kpis_with
from db.analytics.scope import Period, Scope


def definitions() -> Mapping[str, Kpi]:
    """The definitions of this installation."""
    return kpis_with(resources.settings().co2e_kg_per_kwh)


@kept(ttl=60, most=2_000, ahead=True)
def kpi_value(scope: Scope, period: Period, key: str) -> Value:
    now = datetime.now(UTC)
    return resources.read(lambda store: definitions()[key].value(store, scope, period, now))


@kept(ttl=15, most=500, ahead=True)
def kpi_row_count(scope: Scope, period: Period, key: str, most: int) -> int:
    """How many rows are behind a KPI; not looked further than `most`."""
    now = datetime.now(UTC)
    return resources.read(lambda store: definitions()[key].count_rows(store, scope, period, now, most))


@kept(ttl=15, most=500, ahead=True)
def kpi_rows(scope: Scope, period: Period, key: str, limit: int, offset: int) -> list[tuple[Any, ...]]:
    now = datetime.now(UTC)
    return resources.read(
        lambda store: list(definitions()[key].each_row(store, scope, period, now, limit=limit, offset=offset))
    )


def kpi_file_rows(scope: Scope, period: Period, key: str, most: int) -> list[tuple[Any, ...]]:
    """The rows for a file, which is made once and so kept nowhere."""
    now = datetime.now(UTC)
    return resources.read(
        lambda store: list(definitions()[key].each_row(store, scope, period, now, limit=most))
    )
