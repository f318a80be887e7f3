"""The statuses of connectors over time as bars of colour. Pure.

Down time is hatched as well as coloured, and drawn over the rest: an outage is seen by whoever cannot tell
the colours, and however short it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from plotly import graph_objects as go

from dashboard import figures, formats
from dashboard.connector_card import KINDS, kind_of
from dashboard.stations.map import LOOKS
from db.analytics.availability import StatusSpan
from db.analytics.outages import PortLog
from db.analytics.outcome import DOWN_STATUSES
from languages import _

# In the order in which they are drawn, the last on top.
_DRAWN = ("available", "charging", "occupied", "other", "offline", "faulted")
_HATCHED = {"faulted": "/", "offline": "x", "other": "."}
_MOST_IN_SIGHT = 700
_ROW_HEIGHT, _AROUND = 46, 84


def timeline(logs: Sequence[PortLog]) -> go.Figure:
    """A row for each connector, on the clock of its station."""
    figure = go.Figure()
    spans = [(log, readable(log.log, log.within.length / _MOST_IN_SIGHT)) for log in logs]
    for kind in _DRAWN:
        of_kind = [(log, span) for log, found in spans for span in found if kind_of(span.status) == kind]
        if of_kind:
            _draw(figure, kind, of_kind)
    figures.lay_out(figure, height=_ROW_HEIGHT * len(logs) + _AROUND, has_legend=True)
    figure.update_layout(barmode="overlay", bargap=0.3)
    zone = logs[0].port.timezone
    ends = [_reading(at, zone) for at in logs[0].within]
    figure.update_xaxes(type="date", range=ends, nticks=7, showgrid=True)
    figures.name_times(figure, ends[0], ends[1])
    figure.update_yaxes(autorange="reversed", showgrid=False, type="category")
    return figure


def readable(log: Sequence[StatusSpan], least: timedelta) -> list[StatusSpan]:
    """The log as far as it can be seen: of statuses that follow each other within `least`, the one that held
    longest stands for all. Time in which the connector was down is never left to another.
    """
    found: list[StatusSpan] = []
    group: list[StatusSpan] = []
    for span in log:
        is_seen = span.status in DOWN_STATUSES or span.end - span.start >= least
        if group and (is_seen or group[-1].end < span.start or group[-1].end - group[0].start >= least):
            _join(found, _together(group))
            group = []
        if is_seen:
            _join(found, span)
        else:
            group.append(span)
    if group:
        _join(found, _together(group))
    return found


def _together(group: Sequence[StatusSpan]) -> StatusSpan:
    held: dict[str, timedelta] = {}
    for span in group:
        held[span.status] = held.get(span.status, timedelta()) + (span.end - span.start)
    longest = max(held, key=lambda status: held[status])
    return StatusSpan(longest, group[0].start, group[-1].end)


def _join(found: list[StatusSpan], span: StatusSpan) -> None:
    before = found[-1] if found else None
    if before and (before.status, before.error_code, before.end) == (
        span.status,
        span.error_code,
        span.start,
    ):
        found[-1] = before._replace(end=span.end)
    else:
        found.append(span)


def _draw(figure: go.Figure, kind: str, found: Sequence[tuple[PortLog, StatusSpan]]) -> None:
    colour, _shape = LOOKS[kind]
    figure.add_bar(
        orientation="h",
        name=_(KINDS[kind]),
        y=[_("Connector {number}", number=log.port.number) for log, _span in found],
        base=[_reading(span.start, log.port.timezone) for log, span in found],
        x=[(span.end - span.start) / timedelta(milliseconds=1) for _, span in found],
        marker={
            "color": colour,
            "line": {"width": 0},
            "pattern": {
                "shape": _HATCHED.get(kind, ""),
                "fillmode": "overlay",
                "fgcolor": "#ffffff",
                "fgopacity": 0.75,
                "size": 6,
                "solidity": 0.25,
            },
        },
        customdata=[_words(log, span) for log, span in found],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _words(log: PortLog, span: StatusSpan) -> str:
    length = formats.duration(int((span.end - span.start).total_seconds()))
    start = formats.local_time(span.start, log.port.timezone)
    error = span.error_code if span.error_code != "NoError" else ""
    held = _("for {length}", length=length)
    told = f"<b>{formats.words(span.status)}</b> {held}<br>" + _("from {start}", start=start)
    return f"{told}<br>{figures.escaped(error)}" if error else told


def _reading(at: datetime, timezone: str) -> datetime:
    # Plotly draws the reading of the clock it is given, so it is given the station's.
    return at.astimezone(ZoneInfo(timezone)).replace(tzinfo=None)
