"""The same questions as plain SQL over the rows themselves, in the words of each kind of store.

Every statement is one string for the driver, with nothing of ours in between. The network's clock is three
hours ahead of UTC all year, so that no statement has to know about time zones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from benchmarks.analytics.fixture import ZONE
from db.analytics.error_codes import ALWAYS_A_WARNING
from db.analytics.outcome import DOWN_STATUSES, ENDED_STATUSES, SUCCESS_OVER_WH, VALID_STOP_REASONS
from db.analytics.scope import Period

OUTAGES_LISTED = 100
# An outage that began so much earlier than the period is known to have done so.
_CHAIN = timedelta(days=30)


@dataclass(frozen=True)
class Words:
    """How one kind of store says what the others say otherwise. `{}` stands for times, in UTC."""

    time: str
    epoch: str
    day: str
    month: str
    hour_of_week: str
    less: str
    greater: str
    split: str  # intervals `b` of seconds, a row for each local day that they touch


_DAY = "(b.begun + 10800) / 86400 * 86400 - 10800"

WORDS = {
    "sqlite": Words(
        time="'{:%Y-%m-%d %H:%M:%S.%f}'",
        epoch="CAST(strftime('%s', {}) AS INTEGER)",
        day="date({}, '+3 hours')",
        month="strftime('%Y-%m', {}, '+3 hours')",
        hour_of_week="strftime('%w %H', {}, '+3 hours')",
        less="min",
        greater="max",
        split=f"(WITH RECURSIVE d AS (SELECT {_DAY} AS day, b.* FROM ({{}}) b UNION ALL "
        "SELECT day + 86400, begun, over, is_down FROM d WHERE day + 86400 < over) SELECT * FROM d)",
    ),
    "postgresql": Words(
        time="'{:%Y-%m-%d %H:%M:%S.%f}+00'::timestamptz",
        epoch="extract(epoch FROM {})::bigint",
        day=f"({{}} AT TIME ZONE '{ZONE}')::date",
        month=f"to_char({{}} AT TIME ZONE '{ZONE}', 'YYYY-MM')",
        hour_of_week=f"(extract(dow FROM {{0}} AT TIME ZONE '{ZONE}') || ' ' || "
        f"extract(hour FROM {{0}} AT TIME ZONE '{ZONE}'))",
        less="least",
        greater="greatest",
        split=f"(SELECT d.day, b.* FROM ({{}}) b CROSS JOIN LATERAL "
        f"generate_series({_DAY}, b.over - 1, 86400) d(day))",
    ),
    "duckdb": Words(
        time="TIMESTAMP '{:%Y-%m-%d %H:%M:%S.%f}'",
        epoch="epoch({})::BIGINT",
        day="({} + INTERVAL 3 HOURS)::DATE",
        month="strftime({} + INTERVAL 3 HOURS, '%Y-%m')",
        hour_of_week="strftime({} + INTERVAL 3 HOURS, '%w %H')",
        less="least",
        greater="greatest",
        split=f"(SELECT unnest(range({_DAY.replace('/', '//')}, b.over, 86400)) AS day, b.* FROM ({{}}) b)",
    ),
}


def statements(
    kind: str, period: Period, now: datetime, station_pks: Sequence[int], connector_pks: Sequence[int]
) -> dict[str, str]:
    """A statement for each question; no stations and connectors are the whole network's."""
    words, (start, end) = WORDS[kind], period.bounds(ZONE)
    sessions = _Sessions(words, _among("s.ocpp_station_id", station_pks), start, end)
    statuses = _Statuses(words, _among("i.ocpp_connector_id", connector_pks), start, end, now)
    return sessions.statements() | statuses.statements()


def _among(column: str, pks: Sequence[int]) -> str:
    return f"{column} IN ({', '.join(map(str, pks))})" if pks else "1 = 1"


def _quoted(values: Iterable[str]) -> str:
    return ", ".join(f"'{value}'" for value in sorted(values))


_ENDED = f"s.status IN ({_quoted(ENDED_STATUSES)})"
_CHARGED = "count(*) FILTER (WHERE s.energy_wh > 0)"
_FAILED = (
    f"count(*) FILTER (WHERE NOT (s.energy_wh > {SUCCESS_OVER_WH} "
    f"AND coalesce(s.stop_reason, 'Local') IN ({_quoted(VALID_STOP_REASONS)})))"
)
_SUMS = f"{_CHARGED}, {_FAILED}, sum(s.energy_wh), sum(s.cost)"
_IS_DOWN = f"i.status IN ({_quoted(DOWN_STATUSES)})"


@dataclass(frozen=True)
class _Sessions:
    words: Words
    among: str
    start: datetime
    end: datetime

    def statements(self) -> dict[str, str]:
        day, month = self.words.day.format("s.stop_time"), self.words.month.format("s.stop_time")
        by_station = f"SELECT s.ocpp_station_id, {_CHARGED}, sum(s.energy_wh), sum(s.cost) {self._ended()} "
        by_station += "GROUP BY s.ocpp_station_id ORDER BY 4 DESC, 3 DESC"
        return {
            "summary": f"SELECT {_SUMS} {self._ended()}",
            "daily": f"SELECT {day}, {_SUMS} {self._ended()} GROUP BY 1",
            "hour_by_weekday": self._hours(),
            "top_stations": f"{by_station} LIMIT 6",
            "first_and_last_day": self._first_and_last(),
            "revenue_by_day": f"SELECT {day}, sum(s.cost) {self._ended()} GROUP BY 1",
            "revenue_by_month": f"SELECT {month}, {_CHARGED}, sum(s.cost) {self._ended()} GROUP BY 1",
            "revenue_by_station": by_station,
            "revenue_by_owner": self._by_owner(),
        }

    def _ended(self) -> str:
        return f"FROM charging_sessions s WHERE {self._within('s.stop_time')} AND {_ENDED} AND {self.among}"

    def _within(self, column: str) -> str:
        first, last = (self.words.time.format(at) for at in (self.start, self.end))
        return f"{column} >= {first} AND {column} < {last}"

    def _hours(self) -> str:
        hour = self.words.hour_of_week.format("s.start_time")
        return (
            f"SELECT {hour}, count(*) FROM charging_sessions s WHERE {self._within('s.start_time')} "
            f"AND s.status <> 'pending' AND {self.among} GROUP BY 1"
        )

    def _by_owner(self) -> str:
        return (
            "SELECT p.owner_id, sum(t.n), sum(t.wh), sum(t.cost) FROM (SELECT s.ocpp_station_id AS pk, "
            f"{_CHARGED} AS n, sum(s.energy_wh) AS wh, sum(s.cost) AS cost {self._ended()} GROUP BY 1) t "
            "JOIN ocpp_stations o ON o.id = t.pk JOIN charging_stations p ON p.id = o.charging_station_id "
            "GROUP BY 1 ORDER BY 4 DESC, 3 DESC"
        )

    def _first_and_last(self) -> str:
        first, last = (
            self.words.day.format(f"(SELECT {end} FROM charging_sessions s WHERE {self.among})")
            for end in ("min(s.start_time)", "max(s.stop_time)")
        )
        return f"SELECT {first}, {last}"


@dataclass(frozen=True)
class _Statuses:
    words: Words
    among: str
    start: datetime
    end: datetime
    now: datetime

    def statements(self) -> dict[str, str]:
        length = self._length(self._epoch(self.start), self._epoch(min(self.now, self.end)))
        seconds = f"sum({length}), sum({length}) FILTER (WHERE {_IS_DOWN})"
        return {
            "availability": f"SELECT {seconds} {self._overlapping()}",
            "availability_by_day": self._by_day(),
            "availability_by_station": f"SELECT c.ocpp_station_id, sum(t.observed), sum(t.outage) FROM "
            f"(SELECT i.ocpp_connector_id AS pk, sum({length}) AS observed, "
            f"sum({length}) FILTER (WHERE {_IS_DOWN}) AS outage {self._overlapping()} GROUP BY 1) t "
            "JOIN ocpp_connectors c ON c.id = t.pk GROUP BY 1",
            "outages": self._outages(),
            "errors_by_code": self._errors(),
        }

    def _time(self, at: datetime) -> str:
        return self.words.time.format(at)

    def _epoch(self, at: datetime) -> str:
        return str(int(at.timestamp()))

    def _length(self, start: str, end: str) -> str:
        """Of the part of an interval that lies between these."""
        begun, over = self.words.epoch.format("i.started_at"), self.words.epoch.format("i.ended_at")
        over = f"coalesce({over}, {self._epoch(self.now)})"
        return f"{self.words.less}({over}, {end}) - {self.words.greater}({begun}, {start})"

    def _overlapping(self) -> str:
        until = min(self.now, self.end)
        return (
            f"FROM connector_status_intervals i WHERE i.started_at < {self._time(until)} "
            f"AND (i.ended_at > {self._time(self.start)} OR i.ended_at IS NULL) AND {self.among}"
        )

    def _by_day(self) -> str:
        words, first, end = self.words, self._epoch(self.start), self._epoch(min(self.now, self.end))
        begun, over = words.epoch.format("i.started_at"), words.epoch.format("i.ended_at")
        clipped = (
            f"SELECT {words.greater}({begun}, {first}) AS begun, "
            f"{words.less}(coalesce({over}, {end}), {end}) AS over, {_IS_DOWN} AS is_down "
            f"{self._overlapping()}"
        )
        length = f"{words.less}(d.over, d.day + 86400) - {words.greater}(d.begun, d.day)"
        return (
            f"SELECT d.day, sum({length}), sum({length}) FILTER (WHERE d.is_down) "
            f"FROM {words.split.format(clipped)} d GROUP BY 1"
        )

    def _outages(self) -> str:
        since = self._time(self.start - _CHAIN)
        order = "OVER (PARTITION BY ocpp_connector_id ORDER BY started_at)"
        return (
            "SELECT ocpp_connector_id, min(started_at), max(coalesce(ended_at, "
            f"{self._time(self.now)})) FROM (SELECT d.*, sum(begins) {order} AS number FROM "
            "(SELECT i.ocpp_connector_id, i.started_at, i.ended_at, CASE WHEN lag(i.ended_at) "
            f"{order} = i.started_at THEN 0 ELSE 1 END AS begins FROM connector_status_intervals i "
            f"WHERE {_IS_DOWN} AND i.started_at >= {since} AND i.started_at < {self._time(self.end)} "
            f"AND {self.among}) d) e GROUP BY ocpp_connector_id, number "
            f"HAVING min(started_at) >= {self._time(self.start)} "
            f"ORDER BY 2 DESC, 1 DESC LIMIT {OUTAGES_LISTED}"
        )

    def _errors(self) -> str:
        begun, over = self.words.epoch.format("i.started_at"), self.words.epoch.format("i.ended_at")
        seconds = f"sum(coalesce({over}, {self._epoch(self.now)}) - {begun})"
        faults = f"i.status = 'faulted' AND i.error_code NOT IN ({_quoted(ALWAYS_A_WARNING)})"
        return (
            f"SELECT i.error_code, i.vendor_error_code, count(*) FILTER (WHERE {faults}), count(*), "
            f"count(DISTINCT i.ocpp_connector_id), count(DISTINCT c.ocpp_station_id), {seconds} "
            "FROM connector_status_intervals i JOIN ocpp_connectors c ON c.id = i.ocpp_connector_id "
            f"WHERE i.started_at >= {self._time(self.start)} AND i.started_at < {self._time(self.end)} "
            "AND (i.error_code NOT IN ('', 'NoError') OR i.vendor_error_code <> '') "
            f"AND {self.among} GROUP BY 1, 2 ORDER BY 4 DESC, 1, 2"
        )
