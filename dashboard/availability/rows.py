"""The lists of the page Availability as rows of tables, and the places of its charts. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from dashboard import formats
from dashboard.exclusions.dialog import connector_of
from dashboard.fact_row import Fact, fact_row
from dashboard.figures import Line
from dashboard.loading import PortOutage
from dashboard.markup import Bar
from db.analytics.availability import Outage
from db.analytics.charge_success import Rate, Tally
from db.analytics.errors import ErrorTotal, StationErrors
from db.analytics.exclusions import REASONS, Exclusion
from db.analytics.outages import DayTime, StationAvailability
from db.analytics.scope import Period
from db.analytics.success import AttemptRow, Grain, VisitRow, first_day
from languages import _, dates, ngettext, told
from ocpp_integration.exports.reliability import outcome_in_words

_MAX_DAYS, _MAX_WEEKS = 100, 110
_SHOWN_ERRORS = 4
Row = dict[str, object]


def grain_of(period: Period) -> Grain:
    """As many points as can be told apart."""
    return "day" if period.days <= _MAX_DAYS else "week" if period.days <= _MAX_WEEKS * 7 else "month"


def label(at: date, grain: Grain) -> str:
    if grain == "month":
        return dates.told(at, "MMM y")
    return _("Week of {day}", day=formats.day(at)) if grain == "week" else dates.told(at, "EEE d MMM y")


def availability_lines(days: Mapping[date, DayTime], grain: Grain) -> tuple[list[date], list[Line]]:
    """Pooled by day, week or month; without what is excluded only where something is."""
    sums: dict[date, list[int]] = {}
    for day, time in days.items():
        known = sums.setdefault(first_day(day, grain), [0, 0, 0])
        sums[first_day(day, grain)] = [
            a + b for a, b in zip(known, (time.observed, time.outage, time.excluded), strict=True)
        ]
    lines = [
        Line(_("Availability"), [_share(observed - out, observed) for observed, out, _ in sums.values()])
    ]
    if any(excluded for _, _, excluded in sums.values()):
        counted = [_share(observed - out + no, observed) for observed, out, no in sums.values()]
        lines.append(Line(_("Without what is excluded"), counted, is_dotted=True))
    return list(sums), lines


def success_lines(found: Mapping[date, Tally]) -> list[Line]:
    def of(rate: Rate) -> float | None:
        return rate.share

    return [
        Line(_("Session success"), [of(tally.session_success) for tally in found.values()]),
        # The two often lie upon each other.
        Line(
            _("First attempt"),
            [of(tally.first_attempt_success) for tally in found.values()],
            is_dotted=True,
        ),
    ]


def error_parts(
    days: Mapping[date, Counter[str]], period: Period, grain: Grain
) -> tuple[list[date], dict[str, list[int]]]:
    """How often the most frequent errors were reported in each day, week or month, and all others."""
    total: Counter[str] = sum(days.values(), Counter())
    names = [name for name, _ in total.most_common(_SHOWN_ERRORS)]
    every = (period.start + timedelta(days=number) for number in range(period.days))
    places = list(dict.fromkeys(first_day(day, grain) for day in every))
    others = _("Others")
    parts = {name: dict.fromkeys(places, 0) for name in [*names, others]}
    for day, counts in days.items():
        for name, count in counts.items():
            parts[name if name in names else others][first_day(day, grain)] += count
    return places, {name: list(counts.values()) for name, counts in parts.items() if any(counts.values())}


def worst_stations(found: Sequence[StationAvailability]) -> list[Bar]:
    """The time down beside that of the worst; the share in figures."""
    most = max((each.outage for each in found), default=timedelta()) or timedelta(seconds=1)
    return [
        Bar(
            label=each.station_name,
            value=f"{each.plain * 100:.2f} %",
            detail=_(
                "{outage} down · {passing} of {ports} ports over 97\u00a0%",
                outage=_length(each.outage),
                passing=each.passing,
                ports=each.ports,
            ),
            part=each.outage / most,
        )
        for each in found
    ]


def station_row(each: StationAvailability) -> Row:
    return {
        _("Station"): each.station_name,
        _("Availability"): each.plain * 100,
        _("Without excluded"): each.counted * 100,
        _("Ports over 97 %"): _("{passing} of {ports}", passing=each.passing, ports=each.ports),
        _("Outages"): each.outages,
        _("Down"): _length(each.outage),
        _("Excluded"): _length(each.excluded) if each.excluded else "",
    }


def outage_row(each: PortOutage) -> Row:
    outage, timezone = each.outage, each.port.timezone
    return {
        _("Began"): clock(outage.start, timezone),
        _("Station"): each.port.station_name,
        _("Connector"): each.port.number,
        _("Lasted"): _length(outage.length),
        _("Ended"): _("Still down") if outage.is_open else clock(outage.end, timezone),
        _("Reported"): " → ".join(map(formats.words, outage.statuses)),
        _("Error"): errors_of(outage),
        _("Excluded"): _length(outage.excluded) if outage.excluded else "",
        _("Why it does not count"): "; ".join(_capital(_(reason)) for reason in each.reasons),
    }


def errors_of(outage: Outage) -> str:
    """What was reported during an outage, in words."""
    return "; ".join(_capital(told(each)) for each in outage.errors)


def error_row(each: ErrorTotal) -> Row:
    return {
        _("Error"): each.name,
        _("Meaning"): _capital(told(each.words)),
        _("Faults"): each.faults,
        _("Warnings"): each.warnings,
        _("Stations"): each.stations,
        _("Connectors"): each.connectors,
        _("Lasted"): _length(each.time),
    }


def error_bars(found: Sequence[StationErrors]) -> list[Bar]:
    most = max((each.faults + each.warnings for each in found), default=1)
    return [
        Bar(
            label=each.station_name,
            value=ngettext("{n:,} fault", "{n:,} faults", each.faults),
            detail=" · ".join(
                filter(None, (_warnings(each.warnings), _("mostly {error}", error=each.worst)))
            ),
            part=(each.faults + each.warnings) / most,
        )
        for each in found
    ]


def _warnings(count: int) -> str:
    return ngettext("{n:,} warning", "{n:,} warnings", count) if count else ""


def visit_row(each: VisitRow) -> Row:
    return {
        _("Began"): clock(each.start, each.timezone),
        _("Station"): each.station_name,
        _("Outcome"): _capital(_(outcome_in_words(each))),
        _("What happened"): "; ".join(map(_told, each.attempts)),
        _("Driver"): each.driver or _("Not known"),
        _("Attempts"): len(each.attempts),
    }


def _told(attempt: AttemptRow) -> str:
    where = (
        ""
        if attempt.connector_number is None
        else _("Connector {connector_number}: ", connector_number=attempt.connector_number)
    )
    if attempt.error is not None:
        return _("{where}refused ({error})", where=where, error=attempt.error.rstrip("."))
    mark = "✓ " if attempt.is_valid else "✕ "
    energy = f"{(attempt.energy_wh or 0) / 1000:.1f}\u00a0kWh"
    return f"{mark}{where}{energy}, {formats.words(attempt.stop_reason or 'Local').lower()}"


def exclusion_row(each: Exclusion, now: datetime) -> str:
    state = (
        (_("Planned"), "charging")
        if each.start > now
        else (_("Now"), "other")
        if each.end > now
        else (_("Past"), "offline")
    )
    below = _(REASONS[each.reason]).capitalize() + (f" · {each.notes}" if each.notes else "")
    facts = [
        Fact(_("From"), clock(each.start, each.timezone), formats.local_time(each.start, each.timezone)),
        Fact(_("Until"), clock(each.end, each.timezone), formats.local_time(each.end, each.timezone)),
        Fact(_("Entered by"), each.entered_by, formats.local_time(each.entered_at, each.timezone)),
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
