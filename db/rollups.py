"""Sums per local hour, day and month, for each station, each owner and the network.

They change in the transaction that changes the rows they sum: what a row was is taken away, what it is
now is added. Built anew from the same rows they come out the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, or_, select, text
from sqlalchemy.orm import Session

from db.analytics.outcome import DOWN_STATUSES, ENDED_STATUSES, is_success
from db.columns import to_minor
from db.models import (
    ChargingSession,
    ChargingStation,
    ConnectorStatusInterval,
    OCPPConnector,
    OCPPStation,
    Rollup,
)
from db.upsert import insert

METRICS = (
    "sessions",
    "attempts",
    "failed_attempts",
    "energy_wh",
    "revenue_minor",
    "arrivals",
    "observed_seconds",
    "outage_seconds",
)
_INDEX = {name: position for position, name in enumerate(METRICS)}

Key = tuple[str, int, str, datetime, str]  # scope, scope_id, grain, bucket, currency
Sums = dict[Key, list[int]]


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What of a session its sums depend on. `station_pk` is `ocpp_stations.id`."""

    station_pk: int
    owner_id: int
    timezone: str
    currency: str
    start_time: datetime
    stop_time: datetime | None
    status: str
    energy_wh: int | None
    cost_minor: int | None
    stop_reason: str | None = None


@dataclass(frozen=True, slots=True)
class IntervalFacts:
    """A closed status interval of one connector."""

    station_pk: int
    owner_id: int
    timezone: str
    currency: str
    status: str
    started_at: datetime
    ended_at: datetime


class Changes:
    """What is to be added to the sums, of many rows together, until `write`."""

    def __init__(self) -> None:
        self._sums: Sums = {}

    def replace_session(self, before: SessionFacts, after: SessionFacts) -> None:
        """Move the sums from what a session was to what it is. A pending session has none yet."""
        gone, new = list(_session_values(before)), list(_session_values(after))
        if gone != new:
            for facts, told, sign in ((before, gone, -1), (after, new, 1)):
                for at, values in told:
                    _spread(self._sums, facts, at, values, sign)

    def add_interval(self, interval: IntervalFacts, *, sign: int = 1) -> None:
        for at, values in _interval_values(interval):
            _spread(self._sums, interval, at, values, sign)

    def write(self, store: Session) -> None:
        """Others wait for these rows until the transaction ends: let it be the last thing before that."""
        _add(store, self._sums, 1)
        self._sums = {}


def add_sessions(store: Session, sessions: Iterable[SessionFacts], *, sign: int = 1) -> None:
    """Add the sums of `sessions` to the store's rollups (`sign=-1` takes them away again)."""
    _add(store, _session_sums(sessions), sign)


def add_intervals(store: Session, intervals: Iterable[IntervalFacts], *, sign: int = 1) -> None:
    _add(store, _interval_sums(intervals), sign)


def move_station(store: Session, station_pk: int, old_owner_id: int, new_owner_id: int) -> None:
    """Take the station's sums from its old owner and add them to the new one's.

    The caller holds the station, so that nobody adds to its sums meanwhile.
    """
    _bar_other_writers(store)
    own = (Rollup.scope == "station", Rollup.scope_id == station_pk)
    metrics = (getattr(Rollup, metric) for metric in METRICS)
    sums: Sums = {}
    for grain, bucket, currency, *values in store.execute(
        select(Rollup.grain, Rollup.bucket, Rollup.currency, *metrics).where(*own)
    ):
        for owner_id, sign in ((old_owner_id, -1), (new_owner_id, 1)):
            key = ("owner", owner_id, grain, bucket, currency)
            _accumulate(sums, key, [sign * value for value in values])
    _add(store, sums, 1)


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
    )


def rebuild(store: Session, first: date, last: date) -> None:
    """Make all sums of the months from `first`'s to `last`'s anew from the sessions and intervals."""
    start, end = _months(first, last)
    _bar_other_writers(store)
    store.execute(delete(Rollup).where(Rollup.bucket >= start, Rollup.bucket < end))
    _add(store, computed(store, first, last), 1)


def repair(store: Session, first: date, last: date) -> int:
    """Rebuild those months if any of their sums differ from the rows they sum; returns how many do."""
    _bar_other_writers(store)
    found = differing(store, first, last)
    if found:
        rebuild(store, first, last)
    return found


def differing(store: Session, first: date, last: date) -> int:
    """How many sums of those months are not what their rows add up to."""
    expected, known = computed(store, first, last), stored(store, first, last)
    return sum(expected.get(key) != known.get(key) for key in expected.keys() | known.keys())


def oldest_month(store: Session) -> date | None:
    """The first day of the oldest month that has sums or sessions."""
    whole = (Rollup.scope == "network", Rollup.scope_id == 0, Rollup.grain == "month")
    bucket = store.scalar(select(func.min(Rollup.bucket)).where(*whole))
    start = store.scalar(select(func.min(ChargingSession.start_time)))
    days = [at.date() for at in (bucket, start) if at is not None]
    return min(days).replace(day=1) if days else None


def _bar_other_writers(store: Session) -> None:
    """Sums that others commit between the deletion and the reading of the rows would count twice."""
    if store.get_bind().dialect.name == "postgresql":
        store.execute(text("LOCK TABLE rollups IN SHARE ROW EXCLUSIVE MODE"))


def computed(store: Session, first: date, last: date) -> Sums:
    """What the sums of those months should be, computed from the rows."""
    start, end = _months(first, last)
    sums = _session_sums(_sessions_touching(store, start, end))
    for key, values in _interval_sums(_intervals_touching(store, start, end)).items():
        _accumulate(sums, key, values)
    return {key: values for key, values in sums.items() if start <= key[3] < end and any(values)}


def stored(store: Session, first: date, last: date) -> Sums:
    """The sums of those months as the store has them; rows of zeros are left out."""
    start, end = _months(first, last)
    rows = store.scalars(select(Rollup).where(Rollup.bucket >= start, Rollup.bucket < end))
    sums = {
        (row.scope, row.scope_id, row.grain, row.bucket, row.currency): [getattr(row, m) for m in METRICS]
        for row in rows
    }
    return {key: values for key, values in sums.items() if any(values)}


def _session_sums(sessions: Iterable[SessionFacts]) -> Sums:
    sums: Sums = {}
    for session in sessions:
        for at, values in _session_values(session):
            _spread(sums, session, at, values)
    return sums


def _session_values(session: SessionFacts) -> Iterator[tuple[datetime, dict[str, int]]]:
    if session.status != "pending":
        yield session.start_time, {"arrivals": 1}
    if session.stop_time is not None and session.status in ENDED_STATUSES:
        yield (
            session.stop_time,
            {
                "sessions": int((session.energy_wh or 0) > 0),
                "attempts": 1,
                "failed_attempts": int(not is_success(session.energy_wh, session.stop_reason)),
                "energy_wh": session.energy_wh or 0,
                "revenue_minor": session.cost_minor or 0,
            },
        )


def _interval_sums(intervals: Iterable[IntervalFacts]) -> Sums:
    sums: Sums = {}
    for interval in intervals:
        for at, values in _interval_values(interval):
            _spread(sums, interval, at, values)
    return sums


def _interval_values(interval: IntervalFacts) -> Iterator[tuple[datetime, dict[str, int]]]:
    down = interval.status in DOWN_STATUSES
    for at, seconds in split_by_hour(interval.started_at, interval.ended_at, interval.timezone):
        yield at, {"observed_seconds": seconds, "outage_seconds": seconds if down else 0}


def split_by_hour(start: datetime, end: datetime, timezone: str) -> Iterator[tuple[datetime, int]]:
    """The parts of [start, end) by hour of the local clock: (beginning, whole seconds) of each part."""
    zone = _zone(timezone)
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    while start < end:
        local = start.astimezone(zone)
        to_next = 3600 - local.minute * 60 - local.second
        part_end = min(end, start + timedelta(seconds=to_next, microseconds=-local.microsecond))
        # Whole seconds on both ends, so that the parts add up to the whole.
        yield start, int(part_end.timestamp()) - int(start.timestamp())
        start = part_end


def _spread(
    sums: Sums, facts: SessionFacts | IntervalFacts, at: datetime, values: dict[str, int], sign: int = 1
) -> None:
    local = at.astimezone(_zone(facts.timezone)).replace(tzinfo=None)
    hour = local.replace(minute=0, second=0, microsecond=0)
    day = hour.replace(hour=0)
    row = [0] * len(METRICS)
    for metric, value in values.items():
        row[_INDEX[metric]] = sign * value
    for grain, bucket in (("hour", hour), ("day", day), ("month", day.replace(day=1))):
        for scope, scope_id in (("station", facts.station_pk), ("owner", facts.owner_id), ("network", 0)):
            _accumulate(sums, (scope, scope_id, grain, bucket, facts.currency), row)


def _accumulate(sums: Sums, key: Key, values: list[int]) -> None:
    if (known := sums.get(key)) is None:
        sums[key] = list(values)
    else:
        for position, value in enumerate(values):
            known[position] += value


def _add(store: Session, sums: Sums, sign: int) -> None:
    # Always in the same order, so that two who write at once cannot wait for each other; the network's
    # rows, which everybody writes, come last.
    rows = [
        dict(
            zip(("scope", "scope_id", "grain", "bucket", "currency"), key, strict=True),
            **{metric: sign * value for metric, value in zip(METRICS, values, strict=True)},
        )
        for key, values in sorted(sums.items(), reverse=True)
        if any(values)
    ]
    if not rows:
        return
    statement = insert(store, Rollup)
    store.connection().execute(
        statement.on_conflict_do_update(
            index_elements=["scope", "scope_id", "grain", "bucket", "currency"],
            set_={metric: getattr(Rollup, metric) + statement.excluded[metric] for metric in METRICS},
        ),
        rows,
    )


def _sessions_touching(store: Session, start: datetime, end: datetime) -> Iterator[SessionFacts]:
    earliest, latest = _widened(start, end)
    query = (
        select(ChargingSession, ChargingStation)
        .join(OCPPStation, ChargingSession.ocpp_station_id == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .where(
            or_(
                ChargingSession.start_time.between(earliest, latest),
                ChargingSession.stop_time.between(earliest, latest),
            )
        )
        .execution_options(yield_per=1000)
    )
    for session, place in store.execute(query):
        yield session_facts(session, place)


def _intervals_touching(store: Session, start: datetime, end: datetime) -> Iterator[IntervalFacts]:
    earliest, latest = _widened(start, end)
    query = (
        select(ConnectorStatusInterval, OCPPConnector.ocpp_station_id, ChargingStation)
        .join(OCPPConnector, ConnectorStatusInterval.ocpp_connector_id == OCPPConnector.id)
        .join(OCPPStation, OCPPConnector.ocpp_station_id == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .where(ConnectorStatusInterval.ended_at >= earliest, ConnectorStatusInterval.started_at <= latest)
        .execution_options(yield_per=1000)
    )
    for interval, station_pk, place in store.execute(query):
        yield interval_facts(interval, station_pk, place)


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


def _months(first: date, last: date) -> tuple[datetime, datetime]:
    start = datetime(first.year, first.month, 1)  # noqa: DTZ001 - a bucket is a reading of local clocks
    following = date(last.year + last.month // 12, last.month % 12 + 1, 1)
    return start, datetime(following.year, following.month, 1)  # noqa: DTZ001


def _widened(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    # No clock on Earth is further than a day from UTC, so this much of UTC holds every local month.
    return (start - timedelta(days=1)).replace(tzinfo=UTC), (end + timedelta(days=1)).replace(tzinfo=UTC)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
