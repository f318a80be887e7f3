"""What was earned as tables: by day, week or month, and by station, tariff and owner."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy.orm import Session

from db.analytics import revenue
from db.analytics.buckets import Bucket, Grain
from db.analytics.revenue import Earned, Part
from db.analytics.scope import Period, Scope
from db.analytics.series import first_and_last_day
from ocpp_integration.exports import periods
from ocpp_integration.exports.table import Column, Kind, Table, decimal, integer, kwh, text

_NOTHING = Earned()


class Time(NamedTuple):
    bucket: Bucket
    currency: str
    earned: Earned


class Compared(NamedTuple):
    """`before` is what it earned in the period before, None where no period was given."""

    part: Part
    before: Decimal | None


def _amounts(earned: Callable[..., Earned]) -> tuple[Column[Time | Compared], ...]:
    return (
        integer("sessions", lambda row: earned(row).sessions),
        decimal("energy", lambda row: kwh(earned(row).energy_wh), "kWh", 3),
        decimal("gross", lambda row: earned(row).gross),
        decimal("tax", lambda row: earned(row).tax),
        decimal("net", lambda row: earned(row).net),
        decimal("price_per_kwh", lambda row: earned(row).price_per_kwh, None, 4),
    )


TIME_COLUMNS = (
    Column[Time]("from", Kind.DATE, lambda row: row.bucket.day),
    text("currency", lambda row: row.currency),
    *_amounts(lambda row: row.earned),
)
_PART_AMOUNTS = (
    text("currency", lambda row: row.part.currency),
    *_amounts(lambda row: row.part.earned),
    decimal("gross_before", lambda row: row.before),
)
STATION_COLUMNS = (
    text("station", lambda row: row.part.name),
    text("station_id", lambda row: row.part.code),
    *_PART_AMOUNTS,
)
TARIFF_COLUMNS = (
    text("tariff", lambda row: row.part.name),
    text("code", lambda row: row.part.code),
    integer("version", lambda row: row.part.version),
    *_PART_AMOUNTS,
)
OWNER_COLUMNS = (text("owner", lambda row: row.part.name), *_PART_AMOUNTS)


def by_time(store: Session, scope: Scope, period: Period | None, grain: Grain) -> Table[Time]:
    """A row for every day, week or month and each currency, from the first with a session where no period is
    given.
    """
    if period is None and (known := first_and_last_day(store, scope)):
        period = Period(known[0], known[1] + timedelta(days=1))
    return Table(TIME_COLUMNS, _times(store, scope, period, grain) if period else ())


def by_station(store: Session, scope: Scope, period: Period | None) -> Table[Compared]:
    return Table(STATION_COLUMNS, _compared(revenue.by_station, store, scope, period))


def by_tariff(store: Session, scope: Scope, period: Period | None) -> Table[Compared]:
    return Table(TARIFF_COLUMNS, _compared(revenue.by_tariff, store, scope, period))


def by_owner(store: Session, scope: Scope, period: Period | None) -> Table[Compared]:
    return Table(OWNER_COLUMNS, _compared(revenue.by_owner, store, scope, period))


def _times(store: Session, scope: Scope, period: Period, grain: Grain) -> Iterator[Time]:
    found = revenue.series(store, scope, period, grain)
    currencies = sorted({currency for earned in found.values() for currency in earned})
    for bucket, earned in found.items():
        for currency in currencies:
            yield Time(bucket, currency, earned.get(currency, _NOTHING))


def _compared(
    read: Callable[[Session, Scope, Period], list[Part]],
    store: Session,
    scope: Scope,
    period: Period | None,
) -> Iterator[Compared]:
    if period is None:
        for part in read(store, scope, periods.everything()):
            yield Compared(part, None)
        return
    before = {(part.pk, part.currency): part.earned.gross for part in read(store, scope, period.previous())}
    for part in read(store, scope, period):
        yield Compared(part, before.get((part.pk, part.currency), Decimal(0)))
