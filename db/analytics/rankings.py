"""Stations and owners side by side: which earned most, which were used least or were down longest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from db.analytics import open_intervals
from db.analytics.kpis import availability
from db.analytics.scope import Period, Scope
from db.analytics.side_by_side import Shape, asked, sums_of
from db.analytics.statements import built_once
from db.columns import from_minor
from db.models import ChargingStation, OCPPStation, StationOwner

_EARNED = ("attempts", "sessions", "energy_wh", "revenue_minor", "tax_minor")
_USED = ("sessions", "energy_wh")
_WATCHED = ("observed_seconds", "outage_seconds")


@dataclass(frozen=True)
class OwnerTotal:
    """`revenue` contains `tax`."""

    owner_id: int
    name: str
    currency: str
    sessions: int
    energy_wh: int
    revenue: Decimal
    tax: Decimal


@dataclass(frozen=True)
class StationUse:
    """`sessions`: those that ended in the period having delivered energy."""

    station_pk: int
    name: str
    sessions: int
    energy_wh: int


@dataclass(frozen=True)
class StationAvailability:
    """`availability` as in `kpis.Summary`; the seconds are those of all connectors together."""

    station_pk: int
    name: str
    availability: float
    observed_seconds: int
    outage_seconds: int


def owners(store: Session, scope: Scope, period: Period) -> list[OwnerTotal]:
    """What the scope's stations earned, by owner and currency, the most revenue first; owners without a
    session are left out.
    """
    question = asked(store, scope, period)
    rows = _owner_sums(scope, question.shape).rows(store, question.told)
    found = [
        OwnerTotal(
            pk, name, currency, int(sessions), int(energy_wh), from_minor(int(minor)), from_minor(int(tax))
        )
        for pk, name, currency, _, sessions, energy_wh, minor, tax in rows
    ]
    return sorted(found, key=lambda owner: (-owner.revenue, -owner.energy_wh, owner.name))


@built_once
def _owner_sums(scope: Scope, shape: Shape) -> Select[*tuple[Any, ...]]:
    if scope.kind in ("network", "owner"):
        whole = sums_of("owner", scope, _EARNED, shape).c
        return (
            select(StationOwner.id, StationOwner.name, *list(whole)[1:])
            .join(StationOwner, whole.scope_id == StationOwner.id)
            .where(whole.attempts > 0)
        )
    sums = sums_of("station", scope, _EARNED, shape).c
    return (
        select(StationOwner.id, StationOwner.name, sums.currency, *(func.sum(sums[name]) for name in _EARNED))
        .join(OCPPStation, sums.scope_id == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .join(StationOwner, ChargingStation.owner_id == StationOwner.id)
        .where(sums.attempts > 0)
        .group_by(StationOwner.id, StationOwner.name, sums.currency)
    )


def least_used(store: Session, scope: Scope, period: Period, limit: int = 6) -> list[StationUse]:
    """The active stations with the least energy, then sessions; those without any come first."""
    question = asked(store, scope, period)
    rows = _least_used(scope, limit, question.shape).rows(store, question.told)
    return [StationUse(pk, name, int(sessions), int(energy_wh)) for pk, name, sessions, energy_wh in rows]


@built_once
def _least_used(scope: Scope, limit: int, shape: Shape) -> Select[*tuple[Any, ...]]:
    used = sums_of("station", scope, _USED, shape)
    # Of a station whose currency was changed there are two rows.
    sessions, energy_wh = (func.coalesce(func.sum(used.c[name]), 0) for name in _USED)
    return (
        select(OCPPStation.id, ChargingStation.name, sessions, energy_wh)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .outerjoin(used, used.c.scope_id == OCPPStation.id)
        .where(OCPPStation.id.in_(scope.stations()), ChargingStation.is_active)
        .group_by(OCPPStation.id, ChargingStation.name)
        .order_by(energy_wh, sessions, ChargingStation.name, OCPPStation.id)
        .limit(limit)
    )


def availability_of_stations(
    store: Session, scope: Scope, period: Period, now: datetime
) -> list[StationAvailability]:
    """The stations of which anything is known in the period, those with the least availability first."""
    unended = open_intervals.seconds_by_station(store, scope, period, now)
    names = {int(pk): str(name) for pk, name in _names(scope).rows(store)}
    known = dict.fromkeys(names, (0, 0))
    question = asked(store, scope, period)
    for pk, observed, outage in _watched(scope, question.shape).rows(store, question.told):
        known[pk] = int(observed), int(outage)
    found = []
    for pk, (observed, outage) in known.items():
        more = unended.get(pk, (0, 0))
        share = availability(observed + more[0], outage + more[1])
        if share is not None:
            found.append(StationAvailability(pk, names[pk], share, observed + more[0], outage + more[1]))
    return sorted(found, key=lambda station: (station.availability, station.name))


@built_once
def _names(scope: Scope) -> Select[int, str]:
    return (
        select(OCPPStation.id, ChargingStation.name)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .where(OCPPStation.id.in_(scope.stations()))
    )


@built_once
def _watched(scope: Scope, shape: Shape) -> Select[*tuple[Any, ...]]:
    sums = sums_of("station", scope, _WATCHED, shape).c
    return select(sums.scope_id, *(func.sum(sums[name]) for name in _WATCHED)).group_by(sums.scope_id)
