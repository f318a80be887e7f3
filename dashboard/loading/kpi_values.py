"""Every KPI by its key, and the rows behind it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from dashboard import resources
from db.analytics.definitions import Kpi, Value, kpis_with
from db.analytics.scope import Period, Scope


def definitions() -> Mapping[str, Kpi]:
    """The definitions of this installation."""
    return kpis_with(resources.settings().co2e_kg_per_kwh)


@st.cache_data(ttl=60, max_entries=2_000, show_spinner=False, refresh_mode="background")
def kpi_value(scope: Scope, period: Period, key: str) -> Value:
    now = datetime.now(UTC)
    return resources.read(lambda store: definitions()[key].value(store, scope, period, now))


@st.cache_data(ttl=15, max_entries=500, show_spinner=False, refresh_mode="background")
def kpi_row_count(scope: Scope, period: Period, key: str, most: int) -> int:
    """How many rows are behind a KPI; not looked further than `most`."""
    now = datetime.now(UTC)
    return resources.read(lambda store: definitions()[key].count_rows(store, scope, period, now, most))


@st.cache_data(ttl=15, max_entries=500, show_spinner=False, refresh_mode="background")
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
