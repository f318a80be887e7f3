"""What a session is booked with, and what statements said of it so far: two queries that all of billing uses.

A session is booked with its energy, cost and tax once it has ended and unless it is held back; else with
nothing. Money is in minor units.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, Subquery, case, func, select, type_coerce

from db.analytics.ended import counted
from db.models import ChargingSession, ChargingStation, OCPPStation, Statement, StatementLine


def booked(amount: ColumnElement[Any] | Any) -> ColumnElement[int]:
    """`amount`, a column of sessions, where the session counts and tells it, and else 0."""
    return case((counted(), func.coalesce(type_coerce(amount, BigInteger), 0)), else_=0)


ENERGY, GROSS, TAX = map(booked, (ChargingSession.energy_wh, ChargingSession.cost, ChargingSession.tax))


def at_places(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """A query of sessions, joined with their stations."""
    return query.join(OCPPStation, ChargingSession.ocpp_station_id == OCPPStation.id).join(
        ChargingStation, OCPPStation.charging_station_id == ChargingStation.id
    )


def stated(owner_id: int, currency: str) -> Subquery:
    """Of each session that an owner's statements have: what they said of it in all, and where first."""
    line = StatementLine
    return (
        select(
            line.session_id,
            func.sum(line.energy_wh).label("energy_wh"),
            func.sum(type_coerce(line.gross, BigInteger)).label("gross"),
            func.sum(type_coerce(line.tax, BigInteger)).label("tax"),
            func.sum(type_coerce(line.fee, BigInteger)).label("fee"),
            func.min(type_coerce(line.fee_percent, BigInteger)).label("fee_percent"),
            func.min(Statement.month).label("month"),
        )
        .join(Statement, line.statement_id == Statement.id)
        .where(Statement.owner_id == owner_id, Statement.currency == currency)
        .group_by(line.session_id)
        .subquery()
    )
