"""What a check of the billing audit is.

Each is told which sessions to look at and gives what it finds. Money at stake is what somebody would pay too
much or too little if it stayed as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session

from db.models import ChargingSession, ChargingStation
from ocpp_integration.billing.booked import at_places


@dataclass(frozen=True)
class Watched:
    """Sessions that ended since `since` (None: ever), and those of `session_ids` whenever they ended; `now`
    tells which deadlines have passed.
    """

    now: datetime
    since: datetime | None
    session_ids: frozenset[int] = frozenset()

    def of(self, session: Any = ChargingSession) -> ColumnElement[bool]:
        stop_time: ColumnElement[Any] = session.stop_time
        if self.since is None:
            return stop_time.is_not(None)
        return or_(stop_time >= self.since, session.id.in_(self.session_ids))


@dataclass(frozen=True)
class Found:
    """`subject` tells it apart from the others of its check. `amount` None: what is at stake is not known."""

    subject: str
    owner_id: int
    currency: str
    words: str
    amount: Decimal | None
    station_pk: int | None = None
    session_ids: tuple[int, ...] = ()
    statement_id: int | None = None


@dataclass(frozen=True)
class Check:
    """`title` is what is found, `about` what it means and what mends it."""

    title: str
    about: str
    find: Callable[[Session, Watched], Iterator[Found]]


def sessions(*columns: Any) -> Select[*tuple[Any, ...]]:
    session, place = ChargingSession, ChargingStation
    return at_places(
        select(session.id, session.ocpp_station_id, place.owner_id, place.currency, *columns).select_from(
            session
        )
    )


def of_session(row: Any, words: str, amount: Decimal | None) -> Found:
    return Found(str(row.id), row.owner_id, row.currency, words, amount, row.ocpp_station_id, (row.id,))
