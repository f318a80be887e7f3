"""Checks of statements, against their lines and against what sessions cost since."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, func, or_, select, type_coerce
from sqlalchemy.orm import Session

from db.columns import from_minor
from db.models import ChargingSession, Statement, StatementLine
from ocpp_integration.billing.booked import ENERGY, GROSS, TAX
from ocpp_integration.billing.checks.check import Found, Watched


def wrong_sums(store: Session, _: Watched) -> Iterator[Found]:
    line = StatementLine
    sums = (
        select(
            line.statement_id,
            func.sum(line.energy_wh).label("energy_wh"),
            *(func.sum(type_coerce(getattr(line, name), BigInteger)).label(name) for name in _AMOUNTS),
        )
        .group_by(line.statement_id)
        .subquery()
    )
    wrong = [
        type_coerce(getattr(Statement, name), BigInteger) != func.coalesce(sums.c[name], 0)
        for name in ("energy_wh", *_AMOUNTS)
    ]
    query = (
        select(Statement, sums.c.gross)
        .outerjoin(sums, sums.c.statement_id == Statement.id)
        .where(or_(*wrong))
    )
    for statement, gross in store.execute(query):
        amount = abs(statement.gross - from_minor(int(gross or 0)))
        yield _of_statement(statement, f"{statement.name} is not the sum of its lines", amount)


_AMOUNTS = ("gross", "tax", "fee")


def changed_since(store: Session, _: Watched) -> Iterator[Found]:
    """By owner and currency: the newest statement, and what the next one has to correct."""
    line = StatementLine
    told = (
        select(
            Statement.owner_id,
            Statement.currency,
            line.session_id,
            func.max(Statement.id).label("statement_id"),
            func.sum(line.energy_wh).label("energy_wh"),
            func.sum(type_coerce(line.gross, BigInteger)).label("gross"),
            func.sum(type_coerce(line.tax, BigInteger)).label("tax"),
        )
        .join(Statement, line.statement_id == Statement.id)
        .group_by(Statement.owner_id, Statement.currency, line.session_id)
        .subquery()
    )
    query = (
        select(told.c.statement_id, told.c.session_id, (GROSS - told.c.gross).label("more"))
        .select_from(ChargingSession)
        .join(told, told.c.session_id == ChargingSession.id)
        .where(or_(told.c.energy_wh != ENERGY, told.c.gross != GROSS, told.c.tax != TAX))
        .order_by(told.c.statement_id, told.c.session_id)
    )
    changed: dict[int, list[Any]] = {}
    for row in store.execute(query):
        changed.setdefault(row.statement_id, []).append(row)
    for statement_id, rows in changed.items():
        statement = store.get_one(Statement, statement_id)
        more = from_minor(sum(int(row.more) for row in rows))
        words = (
            f"{len(rows)} of its sessions changed since {statement.name} was issued: the next statement "
            f"has {more:+,.2f} {statement.currency}"
        )
        amount = from_minor(sum(abs(int(row.more)) for row in rows))
        yield _of_statement(statement, words, amount, tuple(row.session_id for row in rows))


def _of_statement(
    statement: Statement, words: str, amount: Decimal, session_ids: tuple[int, ...] = ()
) -> Found:
    return Found(
        statement.name,
        statement.owner_id,
        statement.currency,
        words,
        amount,
        session_ids=session_ids,
        statement_id=statement.id,
    )
