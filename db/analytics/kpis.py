"""The figures on the Overview's cards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from db.analytics import open_intervals
from db.analytics.scope import Period, Scope
from db.analytics.statements import built_once, rows_of
from db.columns import from_minor


@dataclass(frozen=True)
class Summary:
    """What ended within a period.

    `sessions`: sessions that ended having delivered energy. `attempts`: all that ended, those that
    delivered nothing among them. `energy_wh`: by the meter registers. `revenue`: gross (VAT included), in
    each currency in which something ended. `availability`: 1 - outage / observed connector time, where a
    connector is out while faulted, unavailable or offline (the plain share of time not down).
    `error_rate`: attempts that did not end with a valid stop after more than 0.1 kWh, of all attempts
    (ChargeX session success, turned around). Shares are 0..1, None where there is nothing to take a share
    of.
    """

    sessions: int
    attempts: int
    failed_attempts: int
    energy_wh: int
    revenue: dict[str, Decimal]
    availability: float | None
    error_rate: float | None


def summary(store: Session, scope: Scope, period: Period, now: datetime) -> Summary:
    rows = _sums(scope, period.names_of_parts).rows(store, period.told)
    totals = [sum(int(row[column]) for row in rows) for column in (1, 2, 3, 4, 6, 7)]
    sessions, attempts, failed, energy_wh, observed, outage = totals
    open_observed, open_outage = open_intervals.seconds(store, scope, period, now)
    return Summary(
        sessions=sessions,
        attempts=attempts,
        failed_attempts=failed,
        energy_wh=energy_wh,
        revenue={row[0]: from_minor(int(row[5])) for row in rows if row[2]},
        availability=availability(observed + open_observed, outage + open_outage),
        error_rate=failed / attempts if attempts else None,
    )


@built_once
def _sums(scope: Scope, parts: tuple[str, ...]) -> Select[*tuple[Any, ...]]:
    rows = rows_of(scope, parts, ("currency", *_SUMMED)).c
    return select(rows.currency, *(func.sum(rows[name]) for name in _SUMMED)).group_by(rows.currency)


_SUMMED = (
    "sessions",
    "attempts",
    "failed_attempts",
    "energy_wh",
    "revenue_minor",
    "observed_seconds",
    "outage_seconds",
)


def availability(observed_seconds: int, outage_seconds: int) -> float | None:
    """Share of the observed time that was no outage; None where nothing was observed."""
    return 1 - outage_seconds / observed_seconds if observed_seconds else None
