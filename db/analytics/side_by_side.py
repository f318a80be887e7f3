"""The sums of many stations or owners at once, from as few rollup rows as that takes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Literal, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, FromClause, Select, cast, func, literal, select, union_all
from sqlalchemy.orm import Session

from db.analytics.scope import Period, Scope
from db.analytics.statements import built_once, ranges
from db.membership import among, among_all
from db.models import Rollup, StationOwner
from db.prepared import ONE


class Shape(NamedTuple):
    """What of a question decides how it is best asked: which parts its period has (of `Period.told`), the
    currency of all that is known, None where there are several, and whether each part is summed by itself
    first: SQLite finds its rows in the order of their groups, PostgreSQL would only sum twice.
    """

    parts: tuple[str, ...]
    currency: str | None
    is_summed_by_part: bool


class Asked(NamedTuple):
    """A period as it is best asked for. `told` goes to the statement that is built for `shape`."""

    shape: Shape
    told: dict[str, date]


def asked(store: Session, scope: Scope, period: Period) -> Asked:
    """Where the period goes beyond all that is known it is widened to whole months: for the month of today
    one row will do in place of its days.
    """
    is_sqlite = store.get_bind().dialect.name == "sqlite"
    if scope.kind != "network" and not is_sqlite:
        # To ask the server costs more than the days of few stations.
        return Asked(Shape(period.names_of_parts, None, is_sqlite), period.told)
    ((first, last, currency, other_currency),) = _known(scope).rows(store)
    if first is not None:
        period = period.widened(first, last)
    only = currency if currency == other_currency else None
    return Asked(Shape(period.names_of_parts, only, is_sqlite), period.told)


def sums_of(
    kind: Literal["station", "owner"], scope: Scope, metrics: Sequence[str], shape: Shape
) -> FromClause:
    """A row for each of the scope's stations, or of its owners, and currency, with `metrics`. Owners are
    those of the network, or the one.
    """
    # A part of the period at a time: with a choice of parts, SQLite would walk through every row there is.
    parts = union_all(
        *(_of_part(kind, scope, metrics, part, shape) for part in ranges(shape.parts))
    ).subquery()
    return (
        select(parts.c.scope_id, parts.c.currency, *_totals(parts.c, metrics))
        .group_by(parts.c.scope_id, parts.c.currency)
        .subquery()
    )


def _of_part(
    kind: str, scope: Scope, metrics: Sequence[str], part: ColumnElement[bool], shape: Shape
) -> Select[*tuple[int, ...]]:
    columns = Rollup.__table__.c
    # Without a choice of currencies the rows are in the order of their groups, and need not be sorted.
    currency = columns.currency if shape.currency is None else literal(shape.currency).label("currency")
    rows = (columns.scope == kind, _is_one_of(kind, scope), part)
    if not shape.is_summed_by_part:
        return select(columns.scope_id, currency, *(columns[name] for name in metrics)).where(*rows)
    groups = [columns.scope_id, *([columns.currency] if shape.currency is None else [])]
    return select(columns.scope_id, currency, *_totals(columns, metrics)).where(*rows).group_by(*groups)


def _is_one_of(kind: str, scope: Scope) -> ColumnElement[bool]:
    pk: ColumnElement[int] = Rollup.__table__.c.scope_id
    if kind == "owner":
        return pk == scope.id if scope.kind == "owner" else pk.in_(select(StationOwner.id))
    return among_all(pk, scope.stations()) if scope.kind == "network" else among(pk, scope.stations())


def _totals(columns: Any, metrics: Sequence[str]) -> list[ColumnElement[int]]:
    # To PostgreSQL a sum is a decimal number, which costs more to add up further and to read.
    return [cast(func.sum(columns[name]), BigInteger).label(name) for name in metrics]


@built_once
def _known(scope: Scope) -> Select[date, date, str, str]:
    """The first and the last day of which anything is known, and the least and the greatest currency."""
    days, months = ((scope.rollups(), Rollup.grain == grain) for grain in ("day", "month"))
    # The key is in the order of days, so that each end is one look and not a walk through all of them.
    first, last = (
        select(Rollup.bucket).where(*days).order_by(order).limit(ONE).scalar_subquery()
        for order in (Rollup.bucket.asc(), Rollup.bucket.desc())
    )
    currencies = select(func.min(Rollup.currency).label("least"), func.max(Rollup.currency).label("greatest"))
    found = currencies.where(*months).subquery().c
    return select(first, last, found.least, found.greatest)
