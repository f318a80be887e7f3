"""The stations of which the least use is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select, union_all
from sqlalchemy.orm import Session

from db.analytics.scope import Period, Scope, built_once, ranges
from db.models import ChargingStation, OCPPStation, Rollup


@dataclass(frozen=True)
class LeastUsed:
    """`sessions`: those that ended in the period having delivered energy."""

    station_pk: int
    name: str
    sessions: int
    energy_wh: int


def stations(store: Session, scope: Scope, period: Period, limit: int = 6) -> list[LeastUsed]:
    """The active stations with the least energy, then sessions; those without any come first."""
    rows = store.execute(_least_used(scope, limit), period.told)
    return [LeastUsed(pk, name, int(sessions), int(energy_wh)) for pk, name, sessions, energy_wh in rows]


@built_once
def _least_used(scope: Scope, limit: int) -> Select[*tuple[Any, ...]]:
    of_scope = (Rollup.scope == "station", Rollup.scope_id.in_(scope.stations()))
    # A part of the period at a time: with a choice of parts, SQLite would walk through every station.
    rows = union_all(
        *(
            select(Rollup.scope_id, Rollup.sessions, Rollup.energy_wh).where(*of_scope, part)
            for part in ranges()
        )
    ).subquery()
    sums = (
        select(
            rows.c.scope_id,
            func.sum(rows.c.sessions).label("sessions"),
            func.sum(rows.c.energy_wh).label("energy_wh"),
        )
        .group_by(rows.c.scope_id)
        .subquery()
    )
    sessions, energy_wh = (func.coalesce(sums.c[name], 0) for name in ("sessions", "energy_wh"))
    return (
        select(OCPPStation.id, ChargingStation.name, sessions, energy_wh)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .outerjoin(sums, sums.c.scope_id == OCPPStation.id)
        .where(OCPPStation.id.in_(scope.stations()), ChargingStation.is_active)
        .order_by(energy_wh, sessions, ChargingStation.name, OCPPStation.id)
        .limit(limit)
    )
