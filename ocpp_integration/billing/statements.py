"""What an owner's sessions of a month came to: issued once, and never changed.

A statement has a line for each session of which there is something to tell: all of it where no statement told
it before, else how it differs from what was told. So all lines of a session add up to what it was booked with
when the newest statement was issued, and a correction is a credit on the next one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Row, Select, and_, exists, or_, select
from sqlalchemy.orm import Session

from db import audit
from db.analytics.ended import counted
from db.analytics.scope import Period
from db.bulk import insert_all
from db.columns import from_minor, to_minor
from db.models import (
    ChargingSession,
    ChargingStation,
    OCPPConnector,
    Statement,
    StatementLine,
    StationOwner,
    User,
)
from ocpp_integration.billing.booked import ENERGY, GROSS, TAX, at_places, stated
from ocpp_integration.errors import IntegrationError, NotFound
from ocpp_integration.pricing.bill import half_up

MAX_FEE_PERCENT = Decimal(100)


class StatementRefused(IntegrationError):
    """The statement cannot be issued, or the fee cannot be set; the message says why."""

    code = "statement_refused"


def month_of(text: str) -> date:
    """The first day of `2026-03`. Raises `StatementRefused`."""
    try:
        month = datetime.strptime(text, "%Y-%m").date()  # noqa: DTZ007 - a month has no zone
    except ValueError as error:
        raise StatementRefused(f"a month is written like 2026-03, not {text}") from error
    if not 2000 <= month.year < 3000:
        raise StatementRefused(f"no month of the year {month.year} can be stated")
    return month


def following(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def issue(store: Session, by: User | None, owner_id: int, month: date, *, now: datetime) -> list[Statement]:
    """The owner's statements of a month, one for each currency; those that are there already, as they are.

    Months in between for which there is none yet come first. `by` is who issues, None at the command line.
    Raises `StatementRefused` for a month that is not over on the clock of each station, and for one before
    the owner's first statement; `NotFound`.
    """
    # Whoever issues for this owner holds its row: nobody else states the same sessions meanwhile.
    owner = store.scalar(
        select(StationOwner).where(StationOwner.id == owner_id).with_for_update(key_share=True)
    )
    if owner is None:
        raise NotFound(f"There is no owner {owner_id}.")
    return [_issue(store, by, owner, currency, month, now) for currency in _currencies(store, owner)]


def set_fee(store: Session, by: User | None, owner_id: int, percent: Decimal) -> StationOwner:
    """What the platform keeps of what drivers pay, of sessions that are stated for the first time from now
    on. Raises `StatementRefused` and `NotFound`.
    """
    owner = store.get(StationOwner, owner_id)
    if owner is None:
        raise NotFound(f"There is no owner {owner_id}.")
    if not 0 <= percent <= MAX_FEE_PERCENT or percent != round(percent, 2):
        raise StatementRefused("A fee is from 0 to 100 percent, with two places at most.")
    told = {"fee": f"{owner.fee_percent} % is now {percent} %"}
    owner.fee_percent = percent
    audit.record(store, by, "set fee", owner.name, told)
    return owner


def owners(store: Session) -> Sequence[StationOwner]:
    """Those that have stations."""
    having = select(ChargingStation.owner_id)
    query = select(StationOwner).where(StationOwner.id.in_(having)).order_by(StationOwner.name)
    return store.scalars(query).all()


def listed(owner_id: int | None) -> Select[Statement]:
    """An owner's statements, None for those of all, the newest first."""
    query = select(Statement).order_by(Statement.month.desc(), Statement.owner_name, Statement.currency)
    return query if owner_id is None else query.where(Statement.owner_id == owner_id)


def find(store: Session, owner_id: int | None, statement_id: int) -> Statement | None:
    """One of an owner's statements, None as the owner for one of all."""
    return store.scalar(listed(owner_id).where(Statement.id == statement_id))


def lines(store: Session, statement: Statement) -> list[StatementLine]:
    """In the order in which the sessions ended."""
    query = select(StatementLine).where(StatementLine.statement_id == statement.id)
    return list(store.scalars(query.order_by(StatementLine.ended_at, StatementLine.id)))


def _currencies(store: Session, owner: StationOwner) -> list[str]:
    of_stations = select(ChargingStation.currency).where(ChargingStation.owner_id == owner.id)
    of_statements = select(Statement.currency).where(Statement.owner_id == owner.id)
    return sorted(store.scalars(of_stations.union(of_statements)))


def _issue(
    store: Session, by: User | None, owner: StationOwner, currency: str, month: date, now: datetime
) -> Statement:
    known = _issued(store, owner, currency)
    if known and month < min(known):
        raise StatementRefused(f"The statements of {owner.name} begin with {min(known):%B %Y}.")
    beginning = min(known, default=month)
    due = following(max(known)) if known else month
    while due <= month:
        known[due] = _write(store, by, owner, currency, due, beginning, now)
        due = following(due)
    return known[month]


def _issued(store: Session, owner: StationOwner, currency: str) -> dict[date, Statement]:
    query = select(Statement).where(Statement.owner_id == owner.id, Statement.currency == currency)
    return {each.month: each for each in store.scalars(query)}


def _write(
    store: Session,
    by: User | None,
    owner: StationOwner,
    currency: str,
    month: date,
    beginning: date,
    now: datetime,
) -> Statement:
    """With no lines where there is nothing to tell: what becomes known later is late, not forgotten."""
    zones = _ends(store, owner, currency, beginning, month, now)
    rows = [*_changed(store, owner, currency), *_unstated(store, owner, currency, zones)]
    told = [_line(row, owner, month) for row in rows]
    statement = Statement(
        owner_id=owner.id,
        owner_name=owner.name,
        currency=currency,
        month=month,
        issued_at=now,
        issued_by=by.user_name if by else "",
        sessions=sum(line["kind"] == "session" for line in told),
        energy_wh=sum(line["energy_wh"] for line in told),
        **{name: sum((line[name] for line in told), Decimal(0)) for name in ("gross", "tax", "fee")},
    )
    store.add(statement)
    store.flush()
    insert_all(store, StatementLine, [line | {"statement_id": statement.id} for line in told])
    sums = {"gross": f"{statement.gross} {currency}", "fee": f"{statement.fee} {currency}"}
    audit.record(store, by, "issue statement", statement.name, sums, at=now)
    return statement


def _ends(
    store: Session, owner: StationOwner, currency: str, beginning: date, month: date, now: datetime
) -> dict[str, tuple[datetime, datetime]]:
    """By zone of the owner's stations, when the first stated month began and this one ended; by UTC where it
    has none any more. Raises `StatementRefused`.
    """
    query = select(ChargingStation.timezone).where(
        ChargingStation.owner_id == owner.id, ChargingStation.currency == currency
    )
    period = Period(beginning, following(month))
    zones = store.scalars(query.distinct()).all() or ["UTC"]
    found = {zone: period.bounds(zone) for zone in zones}
    if any(end > now for _, end in found.values()):
        raise StatementRefused(f"{month:%B %Y} is not over yet.")
    return found


_COLUMNS = (
    ChargingSession.id.label("session_id"),
    ChargingSession.transaction_id,
    ChargingSession.external_id,
    ChargingSession.stop_time,
    ChargingStation.name.label("station_name"),
    ChargingStation.timezone,
    OCPPConnector.connector_id.label("connector_number"),
    ENERGY.label("booked_wh"),
    GROSS.label("booked_gross"),
    TAX.label("booked_tax"),
)


def _sessions(*more: Any) -> Select[*tuple[Any, ...]]:
    query = at_places(select(*_COLUMNS, *more).select_from(ChargingSession))
    return query.outerjoin(OCPPConnector, ChargingSession.ocpp_connector_id == OCPPConnector.id)


def _changed(store: Session, owner: StationOwner, currency: str) -> Iterable[Row[Any]]:
    """Sessions of which something else is booked than was stated."""
    told = stated(owner.id, currency)
    query = (
        _sessions(*(column for column in told.c if column.name != "session_id"))
        .join(told, told.c.session_id == ChargingSession.id)
        .where(or_(told.c.energy_wh != ENERGY, told.c.gross != GROSS, told.c.tax != TAX))
        .order_by(ChargingSession.stop_time, ChargingSession.id)
    )
    return store.execute(query)


def _unstated(
    store: Session, owner: StationOwner, currency: str, zones: dict[str, tuple[datetime, datetime]]
) -> Iterable[Row[Any]]:
    """Sessions with something to state of which no statement told, of this owner or another, so far."""
    query = (
        _sessions()
        .where(
            ChargingStation.owner_id == owner.id,
            ChargingStation.currency == currency,
            counted(),
            or_(ENERGY != 0, GROSS != 0),
            or_(*(_ended_in(zone, *bounds) for zone, bounds in zones.items())),
            ~exists().where(StatementLine.session_id == ChargingSession.id),
        )
        .order_by(ChargingSession.stop_time, ChargingSession.id)
    )
    return store.execute(query)


def _ended_in(zone: str, start: datetime, end: datetime) -> ColumnElement[bool]:
    stop = ChargingSession.stop_time
    return and_(ChargingStation.timezone == zone, stop >= start, stop < end)


def _line(row: Any, owner: StationOwner, month: date) -> dict[str, Any]:
    stated_month = getattr(row, "month", None)
    before = [int(getattr(row, name, 0) or 0) for name in ("energy_wh", "gross", "tax", "fee")]
    percent = owner.fee_percent if stated_month is None else from_minor(int(row.fee_percent))
    ended = row.stop_time.astimezone(ZoneInfo(row.timezone)).date()
    kind = "session" if ended >= month else "late"
    return {
        "session_id": row.session_id,
        "kind": kind if stated_month is None else "correction",
        "stated_month": stated_month,
        "station_name": row.station_name,
        "connector_number": row.connector_number,
        "session_name": str(row.transaction_id or row.external_id or row.session_id),
        "ended_at": row.stop_time,
        "timezone": row.timezone,
        "energy_wh": row.booked_wh - before[0],
        "gross": from_minor(row.booked_gross - before[1]),
        "tax": from_minor(row.booked_tax - before[2]),
        "fee_percent": percent,
        "fee": from_minor(_fee(row.booked_gross, percent) - before[3]),
    }


def _fee(gross: int, percent: Decimal) -> int:
    """Of a session's whole amount, half up, in minor units: what is credited in full gives its fee back."""
    return to_minor(half_up(Fraction(gross) * Fraction(percent) / 10_000))


def sums_by_station(found: Sequence[StatementLine]) -> Iterator[tuple[str, int, int, Decimal, Decimal]]:
    """Of the month's own sessions, by station: its name, sessions, Wh, gross and fee."""
    own = [line for line in found if line.kind == "session"]
    for name in sorted({line.station_name for line in own}):
        some = [line for line in own if line.station_name == name]
        gross, fee = (sum((getattr(each, what) for each in some), Decimal(0)) for what in ("gross", "fee"))
        yield name, len(some), sum(each.energy_wh for each in some), gross, fee
