"""A period's figures: sums, days, hours, and stations side by side."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal

from sqlalchemy.orm import Session

from dashboard import resources
from dashboard.loading.kept import kept
from dashboard.periods import History
from db.analytics import kpis, rankings, series, volume
from db.analytics.scope import Period, Scope


@dataclass(frozen=True)
class Overview:
    """One period's figures. `revenue` and the days' revenue are in `currency`; others are in the summary."""

    summary: kpis.Summary
    days: list[series.DayPoint]
    currency: str

    @property
    def revenue(self) -> Decimal:
        return self.summary.revenue.get(self.currency, Decimal(0))


@dataclass(frozen=True)
class HourPoint:
    """What ended in an hour, with the meanings of `series.DayPoint`; `at` is the clock's reading."""

    at: datetime
    sessions: int
    energy_wh: int
    revenue: Decimal


@kept(ttl=60, most=500, ahead=True)
def history(scope: Scope) -> History:
    return resources.read(lambda store: series.first_and_last_day(store, scope))


@kept(ttl=15, most=500, ahead=True)
def overview(scope: Scope, period: Period, currency: str | None = None) -> Overview:
    """`currency` None takes the installation's, or the one that earned most where that earned nothing."""
    now = datetime.now(UTC)

    def work(store: Session) -> Overview:
        summary = kpis.summary(store, scope, period, now)
        chosen = currency or _main_currency(summary)
        return Overview(summary, series.daily(store, scope, period, now, chosen), chosen)

    return resources.read(work)


@kept(ttl=30, most=200, ahead=True)
def by_hour(scope: Scope, period: Period, currency: str) -> list[HourPoint]:
    """A point for every hour of the stations' clocks; for few days, since it reads sessions."""
    found = resources.read(lambda store: volume.series(store, scope, period, "hour"))
    return [
        HourPoint(
            # A reading of the clock, whatever the clock's zone.
            datetime.combine(bucket.day, time(bucket.hour or 0)),
            each.sessions,
            each.energy_wh,
            each.revenue.get(currency, Decimal(0)),
        )
        for bucket, each in found.items()
    ]


@kept(ttl=30, most=500, ahead=True)
def arrivals(scope: Scope, period: Period) -> list[list[int]]:
    return resources.read(lambda store: series.hour_by_weekday(store, scope, period))


@kept(ttl=30, most=500, ahead=True)
def top_stations(scope: Scope, period: Period, currency: str, limit: int) -> list[series.StationTotal]:
    """Those that earn in `currency`, as amounts of several have no order."""
    found = resources.read(lambda store: series.top_stations(store, scope, period, None))
    return [station for station in found if station.currency == currency][:limit]


@kept(ttl=30, most=500, ahead=True)
def least_used_stations(scope: Scope, period: Period, limit: int) -> list[rankings.StationUse]:
    return resources.read(lambda store: rankings.least_used(store, scope, period, limit))


def _main_currency(summary: kpis.Summary) -> str:
    usual = resources.settings().currency
    if usual in summary.revenue or not summary.revenue:
        return usual
    return max(summary.revenue, key=lambda currency: summary.revenue[currency])
