"""Statements line by line, and the findings of the billing audit, as tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from db.analytics.scope import Period, Scope
from db.models import BillingFinding, ChargingSession, Statement, StatementLine, StationOwner
from ocpp_integration.billing import audit
from ocpp_integration.billing.checks import CHECKS
from ocpp_integration.exports.table import Column, Kind, Table, decimal, integer, kwh, text, time

_AT_ONCE = 1_000


class _Line(NamedTuple):
    statement: Statement
    line: StatementLine


class _Finding(NamedTuple):
    finding: BillingFinding
    owner: str
    sessions: str


_LINE_COLUMNS: list[Column[Any]] = [
    text("statement", lambda row: row.statement.name),
    Column("month", Kind.DATE, lambda row: row.statement.month),
    text("owner", lambda row: row.statement.owner_name),
    text("currency", lambda row: row.statement.currency),
    text("kind", lambda row: row.line.kind),
    Column("stated_month", Kind.DATE, lambda row: row.line.stated_month),
    text("station", lambda row: row.line.station_name),
    integer("connector", lambda row: row.line.connector_number),
    text("session", lambda row: row.line.session_name),
    time("ended", lambda row: row.line.ended_at),
    decimal("energy", lambda row: kwh(row.line.energy_wh), "kWh", 3),
    decimal("gross", lambda row: row.line.gross),
    decimal("vat", lambda row: row.line.tax),
    decimal("fee", lambda row: row.line.fee),
    decimal("fee_percent", lambda row: row.line.fee_percent, "%"),
]
_FINDING_COLUMNS: list[Column[Any]] = [
    text("check", lambda row: row.finding.check),
    text("what", lambda row: CHECKS[row.finding.check].title if row.finding.check in CHECKS else None),
    text("finding", lambda row: row.finding.words),
    decimal("amount", lambda row: row.finding.amount),
    text("currency", lambda row: row.finding.currency),
    text("owner", lambda row: row.owner),
    text("sessions", lambda row: row.sessions),
    time("first_seen", lambda row: row.finding.first_seen_at),
    time("last_seen", lambda row: row.finding.last_seen_at),
]


def statement_lines(store: Session, scope: Scope, period: Period | None) -> Table[_Line]:
    return Table(_LINE_COLUMNS, _lines(store, scope, period))


def findings(store: Session, scope: Scope) -> Table[_Finding]:
    return Table(_FINDING_COLUMNS, _findings(store, scope))


def _lines(store: Session, scope: Scope, period: Period | None) -> Iterator[_Line]:
    query = (
        select(Statement, StatementLine)
        .join(StatementLine, StatementLine.statement_id == Statement.id)
        .where(*_stated_for(scope))
        .order_by(Statement.month, Statement.id, StatementLine.ended_at, StatementLine.id)
    )
    if period is not None:
        query = query.where(Statement.month >= period.start, Statement.month < period.end)
    for statement, line in store.execute(query.execution_options(yield_per=_AT_ONCE)):
        yield _Line(statement, line)


def _stated_for(scope: Scope) -> list[ColumnElement[bool]]:
    """An owner's statements stay its own, also of stations that are another's by now."""
    if scope.kind == "network":
        return []
    if scope.kind == "owner":
        return [Statement.owner_id == scope.id]
    whose = scope.within
    at_stations = select(ChargingSession.id).where(ChargingSession.ocpp_station_id.in_(scope.stations()))
    return [StatementLine.session_id.in_(at_stations), *(_stated_for(whose) if whose else [])]


def _findings(store: Session, scope: Scope) -> Iterator[_Finding]:
    owners = {pk: name for pk, name in store.execute(select(StationOwner.id, StationOwner.name))}  # noqa: C416
    for finding, sessions in audit.with_sessions(store, store.scalars(audit.findings(scope)).all()):
        yield _Finding(finding, owners[finding.owner_id], ", ".join(sessions))
