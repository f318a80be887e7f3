"""Availability in three definitions, from one log of statuses. Pure: spans in, shares out.

- *Plain*: the share of the observed time in which a port was not down. Nothing is excluded.
- *NEVI* (23 CFR 680.116(b)): per port, `(T - (outage - excluded)) / T` over the trailing twelve months, with
  T = 525,600 minutes in any year; required is strictly more than 97 %.
- *UK* (SI 2023/1168, regulation 7): the mean of a network of rapid charge points (50 kW and more),
  `(T - inoperative - out of order) / T`, summed over its EVSEs; required are 99 % of a calendar year. What is
  unknown counts as reliable; whether it also counts into T is disputed, and so a setting.

A port is down while it is faulted, unavailable or offline. Excluded is only time that lies in an outage and
in an exclusion that somebody entered with its reason, within the period and the opening hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import NamedTuple

from db.analytics import error_codes
from db.analytics.outcome import DOWN_STATUSES
from db.analytics.spans import Span, intersection, total, union

NEVI_YEAR = timedelta(minutes=525_600)
NEVI_REQUIRED = Fraction(97, 100)
UK_REQUIRED = Fraction(99, 100)
UK_RAPID_W = 50_000
_NONE = timedelta()


class StatusSpan(NamedTuple):
    """A port was in `status` (a connector's, or `offline`) for this time, with the error it named."""

    status: str
    start: datetime
    end: datetime
    error_code: str = ""
    vendor_error_code: str = ""

    @property
    def error(self) -> str:
        """In words; empty where none was named."""
        return error_codes.in_words(self.error_code, self.vendor_error_code)

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)


class Outage(NamedTuple):
    """Time without a break in which a port was down, in whichever of the down statuses.

    `statuses`, `error_codes` and `errors` (the same in words) in the order in which they came; `excluded` is
    the part of it that does not count, `is_open` whether it lasts until the end of what is known.
    """

    start: datetime
    end: datetime
    statuses: tuple[str, ...]
    error_codes: tuple[str, ...]
    excluded: timedelta = timedelta()
    is_open: bool = False
    errors: tuple[str, ...] = ()

    @property
    def length(self) -> timedelta:
        return self.end - self.start


def down(log: Iterable[StatusSpan]) -> list[Span]:
    """When a port was down: the union, so that a fault while offline is not counted twice."""
    return union(each.span for each in log if each.status in DOWN_STATUSES)


def outages(
    log: Iterable[StatusSpan], excluded: Iterable[Span] = (), *, known_until: datetime | None = None
) -> list[Outage]:
    """The outages in a port's log. One that changes its status on the way is still one outage."""
    exclusions = union(excluded)
    reports = (each for each in log if each.status in DOWN_STATUSES and each.start < each.end)
    runs: list[list[StatusSpan]] = []
    until: datetime | None = None
    for report in sorted(reports, key=lambda each: each.start):
        if until is None or report.start > until:
            runs.append([])
        runs[-1].append(report)
        until = report.end if until is None else max(until, report.end)
    return [outage_of(run, exclusions, known_until=known_until) for run in runs]


def outage_of(
    reports: Sequence[StatusSpan], exclusions: Sequence[Span] = (), *, known_until: datetime | None = None
) -> Outage:
    """What reports without a break between them, in order, make up together."""
    start, end = reports[0].start, reports[0].end
    if len(reports) > 1:
        end = max(report.end for report in reports)
    return Outage(
        start,
        end,
        statuses=_in_order([report.status for report in reports]),
        error_codes=_in_order([report.error_code for report in reports]),
        excluded=total(intersection([Span(start, end)], exclusions)) if exclusions else _NONE,
        is_open=known_until is not None and end >= known_until,
        errors=_in_order([report.error for report in reports]),
    )


def plain(observed: timedelta, outage: timedelta) -> float | None:
    """Share of the observed time that was no outage; None where nothing was observed."""
    return 1 - outage / observed if observed else None


@dataclass(frozen=True)
class Uptime:
    """A share, 0..1 and exact, with what it was made of. `passes` by the rule's own comparison."""

    share: Fraction
    period: timedelta
    outage: timedelta
    excluded: timedelta
    passes: bool


def nevi(
    down_time: Sequence[Span],
    excluded: Sequence[Span],
    *,
    within: Span,
    opening: Sequence[Span] | None = None,
    period: timedelta = NEVI_YEAR,
) -> Uptime:
    """One port. `within` is the time looked at and `opening` the hours stated, in it; `period` is T."""
    hours = [within] if opening is None else intersection([within], opening)
    outage = intersection(down_time, hours)
    return nevi_of(total(outage), total(intersection(outage, excluded)), period)


def nevi_of(outage: timedelta, excluded: timedelta, period: timedelta = NEVI_YEAR) -> Uptime:
    share = 1 - _ratio(outage - excluded, period)
    return Uptime(share, period, outage, excluded, share > NEVI_REQUIRED)


class PortTime(NamedTuple):
    """How long a rapid port was open to the public, out of service, and in an unknown state, in that time."""

    open: timedelta
    out_of_service: timedelta
    unknown: timedelta = timedelta()


def uk(ports: Iterable[PortTime], *, unknown_counts: bool = True) -> Uptime | None:
    """The mean of a network; None without any time. `unknown_counts` False leaves the unknown out of T."""
    found = list(ports)
    open_time = sum((port.open for port in found), timedelta())
    unknown = sum((port.unknown for port in found), timedelta())
    outage = sum((port.out_of_service for port in found), timedelta())
    period = open_time if unknown_counts else open_time - unknown
    if not period:
        return None
    share = 1 - _ratio(outage, period)
    return Uptime(share, period, outage, timedelta(), share >= UK_REQUIRED)


def uk_port(log: Iterable[StatusSpan], *, opening: Sequence[Span]) -> PortTime:
    """A port's time by the OCPI statuses of its log.

    Unavailable is INOPERATIVE and faulted OUTOFORDER; offline, and time of which the log says nothing, is
    UNKNOWN.
    """
    reports = list(log)
    out = intersection((r.span for r in reports if r.status in ("unavailable", "faulted")), opening)
    known = intersection((r.span for r in reports if r.status != "offline"), opening)
    return PortTime(total(opening), total(out), total(opening) - total(known))


def _ratio(part: timedelta, whole: timedelta) -> Fraction:
    microsecond = timedelta(microseconds=1)
    return Fraction(part // microsecond, whole // microsecond)


def _in_order(values: list[str]) -> tuple[str, ...]:
    if len(values) == 1:
        return tuple(values) if values[0] else ()
    return tuple(dict.fromkeys(filter(None, values)))
