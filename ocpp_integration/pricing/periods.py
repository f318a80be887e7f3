"""A session cut where its prices may change: at times of day, energies, durations, and when charging pauses.

Time is counted in UTC and read on the station's clock, so that a night when clocks change is as long as it
was.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

from ocpp_integration.pricing.curve import Curve
from ocpp_integration.pricing.tariff import DAYS, Element, Restrictions
from ocpp_integration.pricing.usage import Stretch, Usage, moment, seconds_between

State = Literal["charging", "idle", "held", "reserved"]
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Piece:
    """From `start` to `end` (seconds since `origin`) the meter ran evenly from `from_wh` to `to_wh`, and the
    same prices held. `idle_before` are the session's idle seconds until its start.
    """

    origin: datetime
    start: Fraction
    end: Fraction
    from_wh: Fraction
    to_wh: Fraction
    state: State = "charging"
    idle_before: Fraction = Fraction(0)

    @property
    def seconds(self) -> Fraction:
        return self.end - self.start

    @property
    def energy_wh(self) -> Fraction:
        return self.to_wh - self.from_wh

    def cut(self, shares: Iterable[Fraction]) -> Iterator[Piece]:
        """In pieces, at these shares of its way from 0 to 1."""
        for low, high in pairwise([Fraction(0), *sorted(set(shares)), Fraction(1)]):
            yield replace(
                self,
                start=self.start + self.seconds * low,
                end=self.start + self.seconds * high,
                from_wh=self.from_wh + self.energy_wh * low,
                to_wh=self.from_wh + self.energy_wh * high,
            )


def session_pieces(usage: Usage, elements: Iterable[Element]) -> list[Piece]:
    """The session in pieces, in order; empty where nobody came."""
    if not usage.readings:
        return []
    rules = list(elements)
    origin, last = usage.readings[0].at, usage.readings[-1].at
    stretches = _apart(usage.stretches)
    times = _times(origin, last, rules, usage.timezone)
    times |= {seconds_between(origin, at) for stretch in stretches for at in (stretch.start, stretch.end)}
    points = _points(Curve(usage.readings), times, rules)
    pieces = [
        Piece(origin, start, end, from_wh, to_wh) for (start, from_wh), (end, to_wh) in pairwise(points)
    ]
    return list(_with_idle_time(_with_states(pieces, stretches), rules))


def reserved_pieces(usage: Usage, elements: Iterable[Element]) -> list[Piece]:
    """The time for which the connector was kept free, in pieces."""
    reservation = usage.reservation
    if reservation is None or reservation.end < reservation.start:
        return []
    length = seconds_between(reservation.start, reservation.end)
    zero = Fraction(0)
    whole = Piece(reservation.start, zero, length, zero, zero, "reserved")
    times = _times(reservation.start, reservation.end, list(elements), usage.timezone)
    return list(whole.cut(time / length for time in times if 0 < time < length))


def applies(rule: Restrictions, piece: Piece, zone: ZoneInfo) -> bool:
    """Whether all restrictions hold throughout the piece; whether it is one of a reservation is not asked."""
    middle = (piece.start + piece.end) / 2
    kwh = (piece.from_wh + piece.to_wh) / 2000
    return (
        _is_within(kwh, rule.min_kwh, rule.max_kwh)
        and _is_within(middle, rule.min_duration, rule.max_duration)
        and _has_power(rule, piece)
        and (not rule.reads_the_clock or _is_then(rule, moment(piece.origin, middle).astimezone(zone)))
    )


def _is_within(value: Fraction, least: Decimal | int | None, most: Decimal | int | None) -> bool:
    return (least is None or value >= Fraction(least)) and (most is None or value < Fraction(most))


def _has_power(rule: Restrictions, piece: Piece) -> bool:
    if rule.min_power is None and rule.max_power is None:
        return True
    if not piece.seconds:
        # A jump of the meter: as much power as there is, or a moment without any.
        return rule.max_power is None if piece.energy_wh else rule.min_power is None
    kw = piece.energy_wh * 3600 / piece.seconds / 1000
    return _is_within(kw, rule.min_power, rule.max_power)


def _is_then(rule: Restrictions, local: datetime) -> bool:
    if rule.day_of_week and DAYS[local.weekday()] not in rule.day_of_week:
        return False
    if rule.start_date and local.date() < rule.start_date:
        return False
    if rule.end_date and local.date() >= rule.end_date:
        return False
    return _is_at(local.time(), rule.start_time or time(), rule.end_time or time())


def _is_at(clock: time, start: time, end: time) -> bool:
    """From `start` until before `end`, past midnight where that is earlier; 00:00 is the end of the day."""
    if start < end:
        return start <= clock < end
    return clock >= start or clock < end


def _apart(stretches: Iterable[Stretch]) -> list[Stretch]:
    """In order and without overlaps: what an earlier one has covered a later one does not."""
    apart: list[Stretch] = []
    for stretch in sorted(stretches, key=lambda each: (each.start, each.end)):
        start = max(stretch.start, apart[-1].end) if apart else stretch.start
        if start < stretch.end:
            apart.append(replace(stretch, start=start))
    return apart


def _times(origin: datetime, end: datetime, rules: list[Element], timezone: str) -> set[Fraction]:
    """Seconds since `origin` at which a rule of time may begin or cease to hold."""
    limits = set(_limits(rules, "min_duration", "max_duration"))
    if any(element.restrictions.reads_the_clock for element in rules):
        clocks = {time()} | {
            clock
            for element in rules
            for clock in (element.restrictions.start_time, element.restrictions.end_time)
            if clock is not None
        }
        limits |= {
            seconds_between(origin, at) for at in _readings_of(clocks, origin, end, ZoneInfo(timezone))
        }
    return limits


def _readings_of(clocks: set[time], start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """When clocks of the zone show one of these times, or jump, from `start` to `end`."""
    day = start.astimezone(zone).date()
    while day <= end.astimezone(zone).date():
        for clock in clocks:
            # Of an hour that comes twice, both.
            for fold in (0, 1):
                yield datetime.combine(day, clock, zone).replace(fold=fold).astimezone(UTC)
        day += _DAY
    yield from _jumps(start, end, zone)


def _jumps(start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """When the zone's clocks were changed. They are not, twice on one day."""
    at = start.astimezone(UTC).replace(microsecond=0)
    while at < end:
        before, after = at, at + _DAY
        if (former := _offset(before, zone)) != _offset(after, zone):
            while after - before > _SECOND:
                middle = before + (after - before) // _SECOND // 2 * _SECOND
                if _offset(middle, zone) == former:
                    before = middle
                else:
                    after = middle
            yield after
        at += _DAY


def _offset(at: datetime, zone: ZoneInfo) -> timedelta | None:
    return at.astimezone(zone).utcoffset()


def _points(curve: Curve, times: Iterable[Fraction], rules: list[Element]) -> list[tuple[Fraction, Fraction]]:
    """Seconds and Wh where the session is to be cut, its start and its end among them, in order.

    At every reading only where power decides: in between, energy at the cuts is all that matters.
    """
    (start, from_wh), (end, to_wh) = next(curve.points()), curve.end
    points = {(time, curve.at(time)) for time in times if start < time < end}
    for limit in _limits(rules, "min_kwh", "max_kwh"):
        if from_wh < limit * 1000 < to_wh:
            points.add((curve.reaches(limit * 1000), limit * 1000))
    if any(True for _ in _limits(rules, "min_power", "max_power")):
        points |= set(curve.points())
    inner = points - {(start, from_wh), (end, to_wh)}
    return [(start, from_wh), *sorted(inner), (end, to_wh)]


def _limits(rules: Iterable[Element], *names: str) -> Iterator[Fraction]:
    for element in rules:
        for name in names:
            limit = getattr(element.restrictions, name)
            if limit is not None:
                yield Fraction(limit)


def _with_states(pieces: Iterable[Piece], stretches: list[Stretch]) -> Iterator[Piece]:
    starts = [stretch.start for stretch in stretches]
    for piece in pieces:
        middle = moment(piece.origin, (piece.start + piece.end) / 2)
        number = bisect_right(starts, middle) - 1
        if number >= 0 and middle < stretches[number].end:
            yield replace(piece, state=stretches[number].state)
        else:
            yield piece


def _with_idle_time(pieces: Iterable[Piece], rules: list[Element]) -> Iterator[Piece]:
    """Cut once more where a grace period ends, with the idle time so far."""
    graces = sorted({Fraction(each.grace_seconds) for element in rules for each in element.price_components})
    idle = Fraction(0)
    for piece in pieces:
        shares: list[Fraction] = []
        if piece.state == "idle" and piece.seconds:
            shares = [
                (grace - idle) / piece.seconds
                for grace in graces[bisect_right(graces, idle) : bisect_left(graces, idle + piece.seconds)]
            ]
        for part in piece.cut(shares) if shares else (piece,):
            yield replace(part, idle_before=idle)
            idle += part.seconds if part.state == "idle" else 0
