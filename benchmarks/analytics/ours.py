"""What the pages ask the store, and their answers as the rows that plain SQL finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from benchmarks.analytics.plain import OUTAGES_LISTED
from db.analytics import errors, kpis, outages, rankings, series
from db.analytics.scope import Period, Scope

Row = tuple[Any, ...]


class Question(NamedTuple):
    """`rows` says of an answer what the rows of the plain statement say; None is said by both as 0."""

    ask: Callable[[Session, Scope, Period, datetime], Any]
    rows: Callable[[Any], Iterable[Row]]


def _summary(found: kpis.Summary) -> list[Row]:
    return [(found.sessions, found.failed_attempts, found.energy_wh, _minor(sum(found.revenue.values())))]


def _days(found: Sequence[series.DayPoint]) -> list[Row]:
    return [
        (str(day.day), day.sessions, day.failed_attempts, day.energy_wh, _minor(day.revenue))
        for day in found
        if day.error_rate is not None
    ]


def _hours(grid: Sequence[Sequence[int]]) -> list[Row]:
    """Weekday (0 is Sunday) and hour, as in `3 17`."""
    return [
        (f"{(weekday + 1) % 7} {hour:02}", count)
        for weekday, hours in enumerate(grid)
        for hour, count in enumerate(hours)
        if count
    ]


def _minor(amount: Decimal | int) -> int:
    return int(amount * 100)


def _by_name(key: str) -> Callable[[Any], list[Row]]:
    return lambda found: [
        (getattr(each, key), each.sessions, each.energy_wh, _minor(each.revenue)) for each in found
    ]


QUESTIONS = {
    "summary": Question(kpis.summary, _summary),
    "daily": Question(series.daily, _days),
    "hour_by_weekday": Question(
        lambda store, scope, period, _: series.hour_by_weekday(store, scope, period), _hours
    ),
    "top_stations": Question(
        lambda store, scope, period, _: series.top_stations(store, scope, period), _by_name("station_pk")
    ),
    "first_and_last_day": Question(
        lambda store, scope, *_: series.first_and_last_day(store, scope),
        lambda days: [tuple(map(str, days))],
    ),
    "revenue_by_day": Question(
        lambda store, scope, period, now: series.daily(store, scope, period, now, "ETB"),
        lambda found: [(str(day.day), _minor(day.revenue)) for day in found if day.error_rate is not None],
    ),
    "revenue_by_month": Question(
        lambda store, scope, period, _: series.monthly(store, scope, period),
        lambda found: [(f"{m.month:%Y-%m}", m.sessions, _minor(m.revenue["ETB"])) for m in found],
    ),
    "revenue_by_station": Question(
        lambda store, scope, period, _: series.top_stations(store, scope, period, None),
        _by_name("station_pk"),
    ),
    "revenue_by_owner": Question(
        lambda store, scope, period, _: rankings.owners(store, scope, period), _by_name("owner_id")
    ),
    "availability": Question(kpis.summary, lambda found: [(_share(found.availability),)]),
    "availability_by_day": Question(
        series.daily,
        lambda found: [(str(d.day), _share(d.availability)) for d in found if d.availability is not None],
    ),
    "availability_by_station": Question(
        rankings.availability_of_stations,
        lambda found: [(each.station_pk, each.observed_seconds, each.outage_seconds) for each in found],
    ),
    "outages": Question(
        lambda store, scope, period, now: outages.newest(store, scope, period, now, OUTAGES_LISTED),
        lambda found: [(each.port.connector_pk, each.outage.start, each.outage.end) for each in found],
    ),
    "errors_by_code": Question(
        errors.by_code,
        lambda found: [
            (
                e.error_code,
                e.vendor_error_code,
                e.faults,
                e.faults + e.warnings,
                e.connectors,
                e.stations,
                int(e.time.total_seconds()),
            )
            for e in found
        ],
    ),
}


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.12f}"


# What plain rows need so that they say it in the same words.
_OF_PLAIN: dict[str, Callable[[Row], Row]] = {
    "availability": lambda row: (_share(1 - row[1] / row[0]),),
    "availability_by_day": lambda row: (_day_of(row[0]), _share(1 - (row[2] or 0) / row[1])),
    "outages": lambda row: (row[0], _time(row[1]), _time(row[2])),
    "hour_by_weekday": lambda row: (_hour_of(row[0]), row[1]),
}


def same(name: str, answer: Any, rows: Sequence[Row]) -> bool:
    convert = _OF_PLAIN.get(name, tuple)
    plain = [tuple(map(_plainly, convert(tuple(map(_number, row))))) for row in rows]
    ours = [tuple(map(_plainly, row)) for row in QUESTIONS[name].rows(answer)]
    if name in ("top_stations", "revenue_by_station", "outages"):
        return ours == plain
    return sorted(ours) == sorted(plain)


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, Decimal) else value


def _plainly(value: Any) -> Any:
    if isinstance(value, datetime):
        return str(value.astimezone(UTC))
    return str(value) if isinstance(value, date) else value or 0


def _hour_of(words: str) -> str:
    weekday, hour = words.split()
    return f"{weekday} {int(hour):02}"


def _day_of(seconds: int) -> str:
    return str((datetime.fromtimestamp(seconds, UTC) + timedelta(hours=3)).date())


def _time(at: str | datetime) -> datetime:
    time = datetime.fromisoformat(at) if isinstance(at, str) else at
    return time if time.tzinfo else time.replace(tzinfo=UTC)
