"""The store's sums per local day, month and hour of the week, for each station, each owner and the network.

They change in the transaction that changes the rows they sum: what a row was is taken away, what it is
now is added. Built anew from the same rows they come out the same. `db.sums` says what is added up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from operator import sub
from secrets import token_hex
from typing import cast

from sqlalchemy import BigInteger, ColumnElement, Select, Table, delete, func, or_, select, text, type_coerce
from sqlalchemy.orm import Session

from db import job_schedules
from db.columns import to_minor
from db.models import (
    ChargingSession,
    ChargingStation,
    ConnectorStatusInterval,
    HourProfile,
    OCPPConnector,
    OCPPStation,
    Rollup,
)
from db.models.sessions import counts
from db.sums import HOURS, LONGEST, METRICS, Adding, IntervalFacts, Key, SessionFacts, Sums, said
from db.upsert import add_all

_ROLLUPS, _PROFILES = (cast("Table", model.__table__) for model in (Rollup, HourProfile))
# In the order in which they are written. The type of its key's last part tells a row's table.
_TABLES = ((_ROLLUPS, METRICS, str), (_PROFILES, HOURS, int))
# As many station days as are held in memory while many rows are added.
_DAYS_HELD = 20_000
# Beside the positions of jobs: another word each time that sums were changed without their rows.
_CORRECTION = "sums corrected"
# All days of which a charge point can tell.
_EVER = (date(1900, 1, 1), date(2200, 1, 1))


class Changes:
    """What is to be added to the sums, of many rows together, until `write`."""

    def __init__(self) -> None:
        self._adding = Adding()

    def replace_session(self, before: SessionFacts, after: SessionFacts) -> None:
        """Move the sums from what a session was to what it is. A pending session has none yet."""
        if said(before) != said(after):
            self._adding.session(before, -1)
            self._adding.session(after)

    def add_session(self, session: SessionFacts) -> None:
        self._adding.session(session)

    def add_interval(self, interval: IntervalFacts, *, sign: int = 1) -> None:
        self._adding.interval(interval, sign)

    @property
    def are_many(self) -> bool:
        """Whether it is time to write them, where many rows are added in one transaction."""
        return self._adding.days >= _DAYS_HELD

    def write(self, store: Session) -> None:
        """Others wait for these rows until the transaction ends: let it be the last thing before that."""
        _add(store, self._adding.sums())
        self._adding = Adding()


def add_sessions(store: Session, sessions: Iterable[SessionFacts], *, sign: int = 1) -> None:
    """Add the sums of `sessions` to the store's rollups (`sign=-1` takes them away again)."""
    adding = Adding()
    for session in sessions:
        adding.session(session, sign)
    _add(store, adding.sums())


def add_intervals(store: Session, intervals: Iterable[IntervalFacts], *, sign: int = 1) -> None:
    adding = Adding()
    for interval in intervals:
        adding.interval(interval, sign)
    _add(store, adding.sums())


def move_station(store: Session, station_pk: int, old_owner_id: int, new_owner_id: int) -> None:
    """Take the station's sums from its old owner and add them to the new one's.

    The caller holds the station, so that nobody adds to its sums meanwhile.
    """
    _bar_other_writers(store)
    adding = Adding()
    for session in _sessions_touching(store, *_EVER, ChargingSession.ocpp_station_id == station_pk):
        adding.session(replace(session, owner_id=old_owner_id))
    for interval in _intervals_touching(store, *_EVER, OCPPConnector.ocpp_station_id == station_pk):
        adding.interval(replace(interval, owner_id=old_owner_id))
    old = {key: values for key, values in adding.sums().items() if key[0] == "owner"}
    moved: Sums = {(key[0], new_owner_id, *key[2:]): values for key, values in old.items()}
    _add(store, moved | {key: [-value for value in values] for key, values in old.items()})


def session_facts(session: ChargingSession, place: ChargingStation) -> SessionFacts:
    return SessionFacts(
        station_pk=session.ocpp_station_id,
        owner_id=place.owner_id,
        timezone=place.timezone,
        currency=place.currency,
        start_time=session.start_time,
        stop_time=session.stop_time,
        status=session.status,
        energy_wh=session.energy_wh,
        cost_minor=None if session.cost is None else to_minor(session.cost),
        stop_reason=session.stop_reason,
        tax_minor=None if session.tax is None else to_minor(session.tax),
        charging_seconds=session.charging_seconds,
        is_held=session.verdict == "held",
    )


def rebuild(store: Session, first: date, last: date) -> None:
    """Make all sums of the months from `first`'s to `last`'s anew from the sessions and intervals."""
    _bar_other_writers(store)
    _note_correction(store)
    month, end = _months(first, last)
    while month < end:
        _, following = _months(month, month)
        for table, _, _ in _TABLES:
            store.execute(delete(table).where(table.c.bucket >= month, table.c.bucket < following))
        _add(store, computed(store, month, month))
        month = following


def rebuild_all(store: Session) -> None:
    """Make the sums of all months that have sessions or intervals."""
    ends = store.execute(
        select(func.min(ChargingSession.start_time), func.max(ChargingSession.stop_time)).union_all(
            select(func.max(ChargingSession.start_time), func.max(ChargingSession.start_time)),
            select(func.min(ConnectorStatusInterval.started_at), func.max(ConnectorStatusInterval.ended_at)),
        )
    )
    days = [at.date() for row in ends for at in row if at is not None]
    if days:
        # A clock may read another month than UTC at either end.
        day = timedelta(days=1)
        rebuild(store, min(days) - day, max(days) + day)


@dataclass(frozen=True)
class Comparison:
    """How many sums there are, what has to be added to those that are not what their rows add up to, and the
    last correction by then.
    """

    checked: int
    missing: Sums
    correction: str | None


def compared(store: Session, first: date, last: date) -> Comparison:
    """The sums of those months with the rows they sum, both of the same moment (`reading_a_moment`)."""
    expected, known = computed(store, first, last), stored(store, first, last)
    wrong = {key for key in expected.keys() | known.keys() if expected.get(key) != known.get(key)}
    missing = {key: list(map(sub, *(_values(sums, key) for sums in (expected, known)))) for key in wrong}
    return Comparison(len(known), missing, job_schedules.position(store, _CORRECTION))


def _values(sums: Sums, key: Key) -> list[int]:
    return sums.get(key) or [0] * len(HOURS if isinstance(key[-1], int) else METRICS)


def mend(store: Session, found: Comparison) -> bool:
    """Add what is missing. It is the same however rows and sums have changed together since they were
    compared, so that nobody who writes waits for that. False, and nothing is added, where sums were corrected
    meanwhile: it may be there by now.
    """
    _bar_other_writers(store)
    if job_schedules.position(store, _CORRECTION) != found.correction:
        return False
    _note_correction(store)
    _add(store, found.missing)
    return True


def _note_correction(store: Session) -> None:
    job_schedules.set_position(store, _CORRECTION, token_hex(8))


def differing(store: Session, first: date, last: date) -> int:
    """How many sums of those months are not what their rows add up to."""
    return len(compared(store, first, last).missing)


def oldest_month(store: Session) -> date | None:
    """The first day of the oldest month that has sums or sessions."""
    whole = (Rollup.scope == "network", Rollup.scope_id == 0, Rollup.grain == "month")
    bucket = store.scalar(select(func.min(Rollup.bucket)).where(*whole))
    start = store.scalar(select(func.min(ChargingSession.start_time)))
    days = [*([bucket] if bucket else []), *([start.date()] if start else [])]
    return min(days).replace(day=1) if days else None


def _bar_other_writers(store: Session) -> None:
    """Sums that others commit between the deletion and the reading of the rows would count twice."""
    if store.get_bind().dialect.name == "postgresql":
        store.execute(text("LOCK TABLE rollups, hour_profiles IN SHARE ROW EXCLUSIVE MODE"))


def computed(store: Session, first: date, last: date) -> Sums:
    """What the sums of those months should be, computed from the rows."""
    start, end = _months(first, last)
    adding = Adding()
    for session in _sessions_touching(store, start, end):
        adding.session(session)
    for interval in _intervals_touching(store, start, end):
        adding.interval(interval)
    return {key: values for key, values in adding.sums().items() if start <= key[3] < end}


def stored(store: Session, first: date, last: date) -> Sums:
    """The sums of those months as the store has them; rows of zeros are left out."""
    start, end = _months(first, last)
    sums: Sums = {}
    for table, metrics, _ in _TABLES:
        columns = [*table.primary_key.columns, *(table.c[metric] for metric in metrics)]
        for row in store.execute(select(*columns).where(table.c.bucket >= start, table.c.bucket < end)):
            if any(row[5:]):
                scope, scope_id, grain, bucket, last_part = row[:5]
                sums[scope, scope_id, grain, bucket, last_part] = list(row[5:])
    return sums


def hours_of_stations(
    store: Session, station_pks: Select[int], start: date, end: date
) -> dict[tuple[date, int], list[int]]:
    """What `hour_profiles` would have for each day of these stations together from `start` until before
    `end`, by day and weekday, in the order of `sums.HOURS`; there may be other days among them.
    """
    adding = Adding()
    for session in _sessions_touching(store, start, end, ChargingSession.ocpp_station_id.in_(station_pks)):
        adding.session(session)
    return {
        (bucket, weekday): values
        for (scope, _, grain, bucket, weekday), values in adding.sums().items()
        if (scope, grain) == ("network", "day") and isinstance(weekday, int)
    }


def _add(store: Session, sums: Sums) -> None:
    # Always in the same order, so that two who write at once cannot wait for each other; the network's
    # rows, which everybody writes, come last.
    for table, metrics, kind in _TABLES:
        keys = sorted((key for key in sums if isinstance(key[-1], kind)), reverse=True)
        add_all(store, table, metrics, [(*key, *sums[key]) for key in keys])


def _sessions_touching(
    store: Session, start: date, end: date, *conditions: ColumnElement[bool]
) -> Iterator[SessionFacts]:
    earliest, latest = _widened(start, end)
    query = (
        select(
            ChargingSession.ocpp_station_id,
            ChargingStation.owner_id,
            ChargingStation.timezone,
            ChargingStation.currency,
            ChargingSession.start_time,
            ChargingSession.stop_time,
            ChargingSession.status,
            ChargingSession.energy_wh,
            type_coerce(ChargingSession.cost, BigInteger),
            ChargingSession.stop_reason,
            type_coerce(ChargingSession.tax, BigInteger),
            ChargingSession.charging_seconds,
        )
        .join(OCPPStation, ChargingSession.ocpp_station_id == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .where(
            *conditions,
            counts(),
            or_(
                ChargingSession.start_time.between(earliest, latest),
                ChargingSession.stop_time.between(earliest, latest + LONGEST),
            ),
        )
        .execution_options(yield_per=1000)
    )
    for row in store.execute(query):
        yield SessionFacts(*row)


def _intervals_touching(
    store: Session, start: date, end: date, *conditions: ColumnElement[bool]
) -> Iterator[IntervalFacts]:
    earliest, latest = _widened(start, end)
    query = (
        select(
            OCPPConnector.ocpp_station_id,
            ChargingStation.owner_id,
            ChargingStation.timezone,
            ChargingStation.currency,
            ConnectorStatusInterval.status,
            ConnectorStatusInterval.started_at,
            ConnectorStatusInterval.ended_at,
        )
        .join(OCPPConnector, ConnectorStatusInterval.ocpp_connector_id == OCPPConnector.id)
        .join(OCPPStation, OCPPConnector.ocpp_station_id == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .where(
            *conditions,
            ConnectorStatusInterval.ended_at >= earliest,
            ConnectorStatusInterval.started_at <= latest,
        )
        .execution_options(yield_per=1000)
    )
    for pk, owner_id, timezone, currency, status, started_at, ended_at in store.execute(query):
        if ended_at is not None:
            yield IntervalFacts(pk, owner_id, timezone, currency, status, started_at, ended_at)


def interval_facts(
    interval: ConnectorStatusInterval, station_pk: int, place: ChargingStation
) -> IntervalFacts:
    if interval.ended_at is None:
        raise ValueError("an open interval has no sums yet")
    return IntervalFacts(
        station_pk=station_pk,
        owner_id=place.owner_id,
        timezone=place.timezone,
        currency=place.currency,
        status=interval.status,
        started_at=interval.started_at,
        ended_at=interval.ended_at,
    )


def _months(first: date, last: date) -> tuple[date, date]:
    """The first day of `first`'s month, and that of the month after `last`'s."""
    return first.replace(day=1), date(last.year + last.month // 12, last.month % 12 + 1, 1)


def _widened(start: date, end: date) -> tuple[datetime, datetime]:
    # No clock on Earth is further than a day from UTC, so this much of UTC holds every local month.
    day = timedelta(days=1)
    return datetime.combine(start - day, time(), UTC), datetime.combine(end + day, time(), UTC)
