"""The figures on the Overview's cards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Select, cast, func, literal, null, select, union_all
from sqlalchemy.orm import Session

from db.analytics import open_intervals
from db.analytics.scope import Period, Scope
from db.analytics.statements import built_once, rows_of
from db.analytics.zones import is_only_zone
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
    rows = _rows(store, scope, period, now)
    totals = [sum(row[column] or 0 for row in rows) for column in (1, 2, 3, 4, 6, 7)]
    sessions, attempts, failed, energy_wh, observed, outage = totals
    return Summary(
        sessions=sessions,
        attempts=attempts,
        failed_attempts=failed,
        energy_wh=energy_wh,
        revenue={row[0]: from_minor(row[5]) for row in rows if row[2]},
        availability=availability(observed, outage),
        error_rate=failed / attempts if attempts else None,
    )


def _rows(store: Session, scope: Scope, period: Period, now: datetime) -> list[tuple[Any, ...]]:
    """A row of sums for each currency, and one without for the statuses that have not ended in each zone."""
    parts = period.names_of_parts
    found = open_intervals.asked(
        store, scope, period, now, lambda scope, is_only: _whole(scope, parts, is_only)
    )
    # The sums of a scope are in the answer of each of its zones.
    first, *others = [rows for _, rows in found] or [()]
    return [*first, *(row for rows in others for row in rows if row[0] is None)]


@built_once
def _whole(scope: Scope, parts: tuple[str, ...], is_only: bool) -> Select[*tuple[Any, ...]]:
    # In one question, for a way to the server and back takes as long as its answer.
    rows = rows_of(scope, parts, ("currency", *_SUMMED)).c
    sums = (cast(func.sum(rows[name]), BigInteger).label(name) for name in _SUMMED)
    ended = select(rows.currency, *sums).group_by(rows.currency)
    observed, outage = open_intervals.lengths(scope, is_only).subquery().c
    nothing = (literal(0, BigInteger) for _ in _SUMMED[:-2])
    both = union_all(ended, select(null(), *nothing, observed, outage)).subquery()
    return select(both, is_only_zone(scope))


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
