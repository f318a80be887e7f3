"""What was earned, with its VAT and the price per kWh: by time, and by station, owner and tariff.

Money counts where a session ended, in the currency of its station. Amounts of several currencies are never
added up: whatever is told here is told for each. Sessions that are held back are in none of it but `held`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Select, Subquery, func, null, select, type_coerce
from sqlalchemy.orm import Session

from db.analytics import rankings, volume
from db.analytics.buckets import Bucket, Grain, buckets
from db.analytics.ended import counted, ended_in, station_of
from db.analytics.scope import Period, Scope
from db.analytics.side_by_side import Shape, asked, sums_of
from db.analytics.statements import built_once
from db.analytics.summed import summed
from db.columns import from_minor
from db.models import ChargingSession, ChargingStation, OCPPStation, Tariff
from db.models.sessions import has_verdict

_METRICS = ("attempts", "sessions", "energy_wh", "revenue_minor", "tax_minor")


@dataclass(frozen=True)
class Earned:
    """What ended, in one currency.

    `sessions`: those that delivered energy. `energy_wh`: by the meter registers. `gross` contains `tax`; a
    session whose cost is not known adds nothing to either.
    """

    sessions: int = 0
    energy_wh: int = 0
    gross: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)

    @property
    def net(self) -> Decimal:
        return self.gross - self.tax

    @property
    def price_per_kwh(self) -> Decimal | None:
        """The average price: gross by kWh of all together, never a mean of sessions' prices."""
        return self.gross * 1000 / self.energy_wh if self.energy_wh else None


@dataclass(frozen=True)
class Part:
    """What one station, owner or tariff earned in one currency.

    `pk` is its id, None where sessions have no tariff. `code` is a station's OCPP id or a tariff's code, and
    `version` a tariff's.
    """

    pk: int | None
    name: str
    currency: str
    earned: Earned
    code: str = ""
    version: int | None = None


@dataclass(frozen=True)
class Held:
    """What the sessions that are held back would add, as they were reported."""

    sessions: int
    energy_wh: int
    gross: Decimal


def by_currency(store: Session, scope: Scope, period: Period) -> dict[str, Earned]:
    """Of the period as a whole, in each currency in which something ended."""
    sums = summed(store, scope, period, None, _METRICS)
    return {currency: _earned(*values) for (_, currency), (attempts, *values) in sums.items() if attempts}


def series(store: Session, scope: Scope, period: Period, grain: Grain) -> dict[Bucket, Mapping[str, Earned]]:
    """The same of every bucket of the period, in order. Hours are for few days, since sessions are read."""
    found: dict[Bucket, dict[str, Earned]] = {bucket: {} for bucket in buckets(period, grain)}
    for (bucket, currency), (sessions, attempts, *values) in volume.sums(store, scope, period, grain).items():
        if attempts and bucket is not None:
            found[bucket][currency] = _earned(sessions, *values)
    return dict(found)


def by_station(store: Session, scope: Scope, period: Period) -> list[Part]:
    """The stations at which something ended: by currency, the most revenue first."""
    question = asked(store, scope, period)
    rows = _stations(scope, question.shape).rows(store, question.told)
    return _ranked(_part(*row) for row in rows)


def by_owner(store: Session, scope: Scope, period: Period) -> list[Part]:
    """The owners of these stations, likewise."""
    return _ranked(
        Part(
            owner.owner_id,
            owner.name,
            owner.currency,
            Earned(owner.sessions, owner.energy_wh, owner.revenue, owner.tax),
        )
        for owner in rankings.owners(store, scope, period)
    )


def by_tariff(store: Session, scope: Scope, period: Period) -> list[Part]:
    """The versions of tariffs that sessions were charged by, likewise: each has that of its start."""
    sums = _tariff_sums(store, scope, period).c
    rows = store.execute(
        select(
            sums.tariff_id,
            func.coalesce(Tariff.name, ""),
            sums.currency,
            func.coalesce(Tariff.code, ""),
            Tariff.version,
            *(sums[metric] for metric in _METRICS[1:]),
        ).outerjoin(Tariff, sums.tariff_id == Tariff.id)
    )
    return _ranked(_part(*row) for row in rows)


def held(store: Session, scope: Scope, period: Period) -> dict[str, Held]:
    """Of the sessions that ended in the period and count nowhere, by currency."""
    cost = type_coerce(ChargingSession.cost, BigInteger)
    rows = store.execute(
        select(
            ChargingStation.currency,
            func.count(),
            func.sum(ChargingSession.energy_wh),
            func.sum(cost),
        )
        .select_from(ChargingSession)
        .join(OCPPStation, ChargingSession.ocpp_station_id == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .where(has_verdict("held"), *ended_in(store, scope, period))
        .group_by(ChargingStation.currency)
    )
    return {
        currency: Held(sessions, int(energy_wh or 0), from_minor(int(minor or 0)))
        for currency, sessions, energy_wh, minor in rows
    }


def _earned(sessions: int, energy_wh: int, revenue_minor: int, tax_minor: int) -> Earned:
    # The sum of whole numbers is a decimal to PostgreSQL.
    return Earned(int(sessions), int(energy_wh), from_minor(int(revenue_minor)), from_minor(int(tax_minor)))


def _part(pk: int | None, name: str, currency: str, code: str, version: int | None, *sums: int) -> Part:
    return Part(pk, name, currency, _earned(*sums), code, version)


def _ranked(parts: Iterable[Part]) -> list[Part]:
    return sorted(parts, key=_rank)


def _rank(part: Part) -> tuple[str, Decimal, int, str, int]:
    return part.currency, -part.earned.gross, -part.earned.energy_wh, part.name, part.version or 0


def _tariff_sums(store: Session, scope: Scope, period: Period) -> Subquery:
    session = ChargingSession
    cost, tax = (type_coerce(column, BigInteger) for column in (session.cost, session.tax))
    return (
        select(
            session.tariff_id,
            ChargingStation.currency,
            func.count().filter(session.energy_wh > 0).label("sessions"),
            func.coalesce(func.sum(session.energy_wh), 0).label("energy_wh"),
            func.coalesce(func.sum(cost), 0).label("revenue_minor"),
            func.coalesce(func.sum(tax), 0).label("tax_minor"),
        )
        .join(OCPPStation, station_of(scope) == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .where(counted(), *ended_in(store, scope, period))
        .group_by(session.tariff_id, ChargingStation.currency)
        .subquery()
    )


@built_once
def _stations(scope: Scope, shape: Shape) -> Select[*tuple[Any, ...]]:
    sums = sums_of("station", scope, _METRICS, shape).c
    return (
        select(
            OCPPStation.id,
            ChargingStation.name,
            sums.currency,
            OCPPStation.station_id,
            null().label("version"),
            *(sums[metric] for metric in _METRICS[1:]),
        )
        .join(OCPPStation, sums.scope_id == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .where(sums.attempts > 0)
    )
