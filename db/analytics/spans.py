"""Spans of time, half-open, and what they cover together: values in, values out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple


class Span(NamedTuple):
    """From `start` until before `end`, both aware."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.start


def union(spans: Iterable[Span]) -> list[Span]:
    """The same time without overlaps: in order, those that touch as one, empty ones left out."""
    joined: list[Span] = []
    for span in sorted(span for span in spans if span.start < span.end):
        if joined and span.start <= joined[-1].end:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return joined


def intersection(one: Iterable[Span], other: Iterable[Span]) -> list[Span]:
    """The time that lies in both."""
    left, right = union(one), union(other)
    common: list[Span] = []
    i = j = 0
    while i < len(left) and j < len(right):
        start, end = max(left[i].start, right[j].start), min(left[i].end, right[j].end)
        if start < end:
            common.append(Span(start, end))
        if left[i].end < right[j].end:
            i += 1
        else:
            j += 1
    return common


def total(spans: Iterable[Span]) -> timedelta:
    """How long they last together, overlaps counted once."""
    return sum((span.length for span in union(spans)), timedelta())
