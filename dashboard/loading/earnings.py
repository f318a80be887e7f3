"""What was earned, by time, station, tariff and owner."""

from __future__ import annotations

from collections.abc import Mapping

from dashboard import resources
from dashboard.loading.kept import kept
from db.analytics import revenue
from db.analytics.buckets import Bucket, Grain
from db.analytics.revenue import Earned, Held, Part
from db.analytics.scope import Period, Scope


@kept(ttl=15, most=500, ahead=True)
def earned(scope: Scope, period: Period) -> dict[str, Earned]:
    return resources.read(lambda store: revenue.by_currency(store, scope, period))


@kept(ttl=15, most=500, ahead=True)
def earned_by_time(scope: Scope, period: Period, grain: Grain) -> dict[Bucket, Mapping[str, Earned]]:
    return resources.read(lambda store: revenue.series(store, scope, period, grain))


@kept(ttl=15, most=500, ahead=True)
def earned_by_station(scope: Scope, period: Period) -> list[Part]:
    return resources.read(lambda store: revenue.by_station(store, scope, period))


@kept(ttl=15, most=100, ahead=True)
def earned_by_owner(scope: Scope, period: Period) -> list[Part]:
    return resources.read(lambda store: revenue.by_owner(store, scope, period))


@kept(ttl=300, most=500, ahead=True)
def earned_by_tariff(scope: Scope, period: Period) -> list[Part]:
    """Read from sessions, so that it is kept longer."""
    return resources.read(lambda store: revenue.by_tariff(store, scope, period))


@kept(ttl=5, most=500, ahead=True)
def held_back(scope: Scope, period: Period) -> dict[str, Held]:
    return resources.read(lambda store: revenue.held(store, scope, period))
