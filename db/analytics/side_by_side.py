"""The sums of many stations or owners at once, from as few rollup rows as that takes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal, NamedTuple

from sqlalchemy import ColumnElement, FromClause, Select, func, literal, select, union_all
from sqlalchemy.orm import Session

from db.analytics.scope import Period, Scope, built_once, ranges
from db.models import Rollup


class Shape(NamedTuple):
    """What of a question decides how it is best asked: which parts its period has (of `Period.told`), and the
    currency of all that is known, None where there are several.
    """

    parts: tuple[str, ...]
    currency: str | None


class Asked(NamedTuple):
    """A period as it is best asked for. `told` goes to the statement that is built for `shape`."""

    shape: Shape
    told: dict[str, date]


def asked(store: Session, scope: Scope, period: Period) -> Asked:
    """Where the period goes beyond all that is known it is widened to whole months: for the month of today
    one row will do in place of its days.
    """
    ((first, last, currency, other_currency),) = _known(scope).rows(store)
    if first is not None:
        period = period.widened(first, last)
    only = currency if currency == other_currency else None
    return Asked(Shape(period.names_of_parts, only), period.told)


def sums_of(
    kind: Literal["station", "owner"], pks: Select[int], metrics: Sequence[str], shape: Shape
) -> FromClause:
    """A row for each of `pks` and currency, with `metrics`."""
    # A part of the period at a time: with a choice of parts, SQLite would walk through every row there is.
    parts = union_all(
        *(_sums(kind, pks, metrics, part, shape.currency) for part in ranges(shape.parts))
    ).subquery()
    return (
        select(parts.c.scope_id, parts.c.currency, *(func.sum(parts.c[name]).label(name) for name in metrics))
        .group_by(parts.c.scope_id, parts.c.currency)
        .subquery()
    )


def _sums(
    kind: str, pks: Select[int], metrics: Sequence[str], rows: ColumnElement[bool], currency: str | None
) -> Select[*tuple[int, ...]]:
    columns = Rollup.__table__.c
    # Without a choice of currencies the rows are in the order of their groups, and need not be sorted.
    of_row = columns.currency if currency is None else literal(currency).label("currency")
    return (
        select(columns.scope_id, of_row, *(func.sum(columns[name]).label(name) for name in metrics))
        .where(columns.scope == kind, columns.scope_id.in_(pks), rows)
        .group_by(columns.scope_id, *([columns.currency] if currency is None else []))
    )


@built_once
def _known(scope: Scope) -> Select[date, date, str, str]:
    """The first and the last day of which anything is known, and the least and the greatest currency."""
    days, months = ((scope.rollups(), Rollup.grain == grain) for grain in ("day", "month"))
    # The key is in the order of days, so that each end is one look and not a walk through all of them.
    first, last = (
        select(Rollup.bucket).where(*days).order_by(order).limit(1).scalar_subquery()
        for order in (Rollup.bucket.asc(), Rollup.bucket.desc())
    )
    currencies = select(func.min(Rollup.currency).label("least"), func.max(Rollup.currency).label("greatest"))
    found = currencies.where(*months).subquery().c
    return select(first, last, found.least, found.greatest)
