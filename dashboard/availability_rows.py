"""The lists of the page Availability as rows of tables, and the places of its charts. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from dashboard import formats
from dashboard.access_rows import Fact, fact_row
from dashboard.exclusion_dialog import connector_of
from dashboard.figures import Line
from dashboard.loading import PortOutage
from dashboard.markup import Bar
from db.analytics.charge_success import Rate, Tally
from db.analytics.errors import ErrorTotal, StationErrors
from db.analytics.exclusions import REASONS, Exclusion
from db.analytics.outages import DayTime, StationAvailability
from db.analytics.scope import Period
from db.analytics.success import AttemptRow, Grain, VisitRow, first_day
from ocpp_integration.exports.reliability import OUTCOMES

_MAX_DAYS, _MAX_WEEKS = 100, 110
_SHOWN_ERRORS = 4
Row = dict[str, object]


def grain_of(period: Period) -> Grain:
    """As many points as can be told apart."""
    return "day" if period.days <= _MAX_DAYS else "week" if period.days <= _MAX_WEEKS * 7 else "month"


def label(at: date, grain: Grain) -> str:
    if grain == "month":
        return f"{at:%b %Y}"
    return f"Week of {formats.day(at)}" if grain == "week" else f"{at:%a} {formats.day(at)}"


def availability_lines(days: Mapping[date, DayTime], grain: Grain) -> tuple[list[date], list[Line]]:
    """Pooled by day, week or month; without what is excluded only where something is."""
    sums: dict[date, list[int]] = {}
    for day, time in days.items():
        known = sums.setdefault(first_day(day, grain), [0, 0, 0])
        sums[first_day(day, grain)] = [
            a + b for a, b in zip(known, (time.observed, time.outage, time.excluded), strict=True)
        ]
    lines = [Line("Availability", [_share(observed - out, observed) for observed, out, _ in sums.values()])]
    if any(excluded for _, _, excluded in sums.values()):
        counted = [_share(observed - out + no, observed) for observed, out, no in sums.values()]
        lines.append(Line("Without what is excluded", counted, is_dotted=True))
    return list(sums), lines


def success_lines(found: Mapping[date, Tally]) -> list[Line]:
    def of(rate: Rate) -> float | None:
        return rate.share

    return [
        Line("Session success", [of(tally.session_success) for tally in found.values()]),
        Line("First attempt", [of(tally.first_attempt_success) for tally in found.values()]),
    ]


def error_parts(
    days: Mapping[date, Counter[str]], period: Period, grain: Grain
) -> tuple[list[date], dict[str, list[int]]]:
    """How often the most frequent errors were reported in each day, week or month, and all others."""
    total: Counter[str] = sum(days.values(), Counter())
    names = [name for name, _ in total.most_common(_SHOWN_ERRORS)]
    every = (period.start + timedelta(days=number) for number in range(period.days))
    places = list(dict.fromkeys(first_day(day, grain) for day in every))
    parts = {name: dict.fromkeys(places, 0) for name in [*names, "Others"]}
    for day, counts in days.items():
        for name, count in counts.items():
            parts[name if name in names else "Others"][first_day(day, grain)] += count
    return places, {name: list(counts.values()) for name, counts in parts.items() if any(counts.values())}


def worst_stations(found: Sequence[StationAvailability]) -> list[Bar]:
    """The time down beside that of the worst; the share in figures."""
    most = max((each.outage for each in found), default=timedelta()) or timedelta(seconds=1)
    return [
        Bar(
            label=each.station_name,
            value=f"{each.plain * 100:.2f} %",
            detail=f"{_length(each.outage)} down · {each.passing} of {each.ports} ports over 97 %",
            part=each.outage / most,
        )
        for each in found
    ]


def station_row(each: StationAvailability) -> Row:
    return {
        "Station": each.station_name,
        "Availability": each.plain * 100,
        "Without excluded": each.counted * 100,
        "Ports over 97 %": f"{each.passing} of {each.ports}",
        "Outages": each.outages,
        "Down": _length(each.outage),
        "Excluded": _length(each.excluded) if each.excluded else "",
    }


def outage_row(each: PortOutage) -> Row:
    outage, timezone = each.outage, each.port.timezone
    return {
        "Began": clock(outage.start, timezone),
        "Ended": "Still down" if outage.is_open else clock(outage.end, timezone),
        "Station": each.port.station_name,
        "Connector": each.port.number,
        "Lasted": _length(outage.length),
        "Reported": " → ".join(map(formats.words, outage.statuses)),
        "Error": "; ".join(map(_capital, outage.errors)),
        "Excluded": _length(outage.excluded) if outage.excluded else "",
        "Why it does not count": "; ".join(map(_capital, each.reasons)),
    }


def error_row(each: ErrorTotal) -> Row:
    return {
        "Error": each.name,
        "Meaning": _capital(each.words),
        "Faults": each.faults,
        "Warnings": each.warnings,
        "Stations": each.stations,
        "Connectors": each.connectors,
        "Lasted": _length(each.time),
    }


def error_bars(found: Sequence[StationErrors]) -> list[Bar]:
    most = max((each.faults + each.warnings for each in found), default=1)
    return [
        Bar(
            label=each.station_name,
            value=f"{each.faults:,} fault{'' if each.faults == 1 else 's'}",
            detail=f"{f'{each.warnings:,} warnings · ' if each.warnings else ''}mostly {each.worst}",
            part=(each.faults + each.warnings) / most,
        )
        for each in found
    ]


def visit_row(each: VisitRow) -> Row:
    return {
        "Began": clock(each.start, each.timezone),
        "Station": each.station_name,
        "Outcome": _capital(OUTCOMES[each.outcome]),
        "What happened": "; ".join(map(_told, each.attempts)),
        "Driver": each.driver or "Not known",
        "Attempts": len(each.attempts),
    }


def _told(attempt: AttemptRow) -> str:
    where = "" if attempt.connector_number is None else f"Connector {attempt.connector_number}: "
    if attempt.error is not None:
        return f"{where}refused ({attempt.error.rstrip('.')})"
    mark = "✓ " if attempt.is_valid else "✕ "
    energy = f"{(attempt.energy_wh or 0) / 1000:.1f}\u00a0kWh"
    return f"{mark}{where}{energy}, {formats.words(attempt.stop_reason or 'Local').lower()}"


def exclusion_row(each: Exclusion, now: datetime) -> str:
    state = (
        ("Planned", "charging")
        if each.start > now
        else ("Now", "other")
        if each.end > now
        else ("Past", "offline")
    )
    below = REASONS[each.reason].capitalize() + (f" · {each.notes}" if each.notes else "")
    facts = [
        Fact("From", clock(each.start, each.timezone), formats.local_time(each.start, each.timezone)),
        Fact("Until", clock(each.end, each.timezone), formats.local_time(each.end, each.timezone)),
        Fact("Entered by", each.entered_by, formats.local_time(each.entered_at, each.timezone)),
    ]
    return fact_row(f"{each.station_name} · {connector_of(each)}", below, state, facts)


def clock(at: datetime, timezone: str) -> str:
    return at.astimezone(ZoneInfo(timezone)).strftime("%Y-%m-%d %H:%M")


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _length(length: timedelta) -> str:
    return formats.duration(int(length.total_seconds()))


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
