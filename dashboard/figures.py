"""Plotly figures. They name no colours where they can: the browser takes those from the theme."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from html import escape
from itertools import islice
from typing import Protocol
from zoneinfo import ZoneInfo

# Registers Streamlit's template; figures built before it keep Plotly's own colours.
import streamlit.elements.plotly_chart  # noqa: F401
from plotly import graph_objects as go

from dashboard.drawn import once
from db.analytics.meter_values import MeterPoint
from db.analytics.series import DayPoint
from languages import ENGLISH, _, current, dates

CONFIG = {"displayModeBar": False, "displaylogo": False, "responsive": True, "scrollZoom": False}
# Faint enough for both themes.
_FILL = "rgba(20, 160, 143, 0.14)"
_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
_MAX_DAYS = 100
_MONTH = timedelta(days=28)
_MOST_NAMED = 7
# How far apart the readings of a clock are that an axis names.
_STEPS = (
    *(timedelta(minutes=number) for number in (1, 5, 10, 15, 30)),
    *(timedelta(hours=number) for number in (1, 2, 3, 6, 12)),
    *(timedelta(days=number) for number in (1, 2, 5, 10, 30, 60)),
)
_MAX_WEEKS = 110
# Pixels that Plotly finds around a figure in the theme's letters: of the legend's row above, of one or two
# lines below, of a letter beside an axis and of what stands between the two.
_LEGEND_ROW, _ONE_LINE, _TWO_LINES, _LETTER, _BESIDE = 35, 32, 39, 5.6, 9
_NO_LEGEND = 8
# Above it, an axis with at most five labels names whole numbers.
_WHOLE = 5
# The day before the month, as everywhere else on the pages; a second line is named where it changes.
_NAMES_OF_TIMES = [
    {"dtickrange": [None, 86_399_999], "value": "%H:%M\n%-d %b"},
    {"dtickrange": [86_400_000, "M1"], "value": "%-d %b\n%Y"},
    {"dtickrange": ["M1", None], "value": "%b\n%Y"},
]


class Measured(Protocol):
    """What ended in a day or an hour."""

    @property
    def sessions(self) -> int: ...

    @property
    def energy_wh(self) -> int: ...

    @property
    def revenue(self) -> Decimal: ...


class MeasuredHour(Measured, Protocol):
    @property
    def at(self) -> datetime: ...


@dataclass(frozen=True)
class Metric:
    """What a trend shows: its name, its value of a time in `unit`, and how a tooltip writes it (d3)."""

    name: str
    unit: str
    value: Callable[[Measured], float]
    format: str


@dataclass(frozen=True)
class Bucket:
    """A bar: the days from `first` to `last`, both included, drawn at the day `at`; or the hour `at`."""

    at: date
    first: date
    last: date
    value: float


def buckets(days: Sequence[DayPoint], metric: Metric, grain: str = "auto") -> tuple[str, list[Bucket]]:
    """How long a bar is (Daily, Weekly, Monthly) and the bars, by `grain` or as can be told apart."""
    if grain == "day" or (grain == "auto" and len(days) <= _MAX_DAYS):
        return _("Daily"), [Bucket(point.day, point.day, point.day, metric.value(point)) for point in days]
    if grain == "week" or (grain == "auto" and len(days) <= _MAX_WEEKS * 7):
        # Weeks that end where the period ends, so that the newest bar is a whole one.
        end = days[-1].day + _DAY
        return _("Weekly"), _grouped(days, metric, start=lambda day: end - _WEEK * -(-(end - day) // _WEEK))
    return _("Monthly"), _grouped(days, metric, start=lambda day: day.replace(day=1))


def beside(bars: Sequence[Bucket], days: Sequence[DayPoint], metric: Metric) -> list[Bucket]:
    """The days of the period before, of which there are as many, just as those of the period are in `bars`:
    months are not equally long, and those at the ends are seldom whole.
    """
    points = iter(days)
    groups = [list(islice(points, (bar.last - bar.first).days + 1)) for bar in bars]
    return [
        Bucket(group[0].day, group[0].day, group[-1].day, sum(map(metric.value, group)))
        for group in groups
        if group
    ]


def hourly(hours: Sequence[MeasuredHour], metric: Metric) -> list[Bucket]:
    """A bar for every hour."""
    return [Bucket(hour.at, hour.at, hour.at, metric.value(hour)) for hour in hours]


def _grouped(days: Sequence[DayPoint], metric: Metric, *, start: Callable[[date], date]) -> list[Bucket]:
    """Days with the same `start` in one bar, which is drawn there even where the first days are missing."""
    groups: dict[date, list[DayPoint]] = {}
    for point in days:
        groups.setdefault(start(point.day), []).append(point)
    return [Bucket(at, g[0].day, g[-1].day, sum(map(metric.value, g))) for at, g in groups.items()]


def trend(bars: Sequence[Bucket], before: Sequence[Bucket], metric: Metric) -> go.Figure:
    """Bars of a period; the one before it, taken apart in the same way, as a dotted line behind them."""
    places = [bar.at for bar in bars]
    figure = go.Figure()
    figure.add_bar(
        x=places,
        y=[bar.value for bar in bars],
        name=metric.name,
        marker={"cornerradius": 4},
        customdata=[_label(bar) for bar in bars],
        hovertemplate=f"%{{customdata}}: <b>%{{y:{metric.format}}}</b> {metric.unit}<extra></extra>",
    )
    if before:
        figure.add_scatter(
            x=places,
            y=[bar.value for bar in before],
            name=_("Previous period"),
            mode="lines",
            line={"dash": "dot", "width": 2, "color": "#7b8ba3"},
            customdata=[_label(bar) for bar in before],
            hovertemplate=f"%{{customdata}}: %{{y:{metric.format}}} {metric.unit}<extra></extra>",
        )
    most = max((bar.value for bar in (*bars, *before)), default=0.0)
    lay_out(figure, height=320, longest=amount_label(most, metric.unit), has_legend=bool(before))
    figure.update_layout(bargap=0.28)
    name_days(figure, places)
    figure.update_yaxes(
        rangemode="tozero", nticks=5, tickformat=",~f", ticksuffix=f" {metric.unit}" if metric.unit else ""
    )
    return figure


@once
def arrivals(grid: Sequence[Sequence[int]]) -> go.Figure:
    """Session starts by weekday and hour, stronger colour for more."""
    began = _("sessions began")
    figure = go.Figure(
        go.Heatmap(
            z=[list(row) for row in grid],
            x=[f"{hour:02}" for hour in range(24)],
            y=[dates.weekday(number) for number in range(7)],
            xgap=3,
            ygap=3,
            showscale=False,
            hovertemplate=f"%{{y}} %{{x}}:00 – %{{x}}:59: <b>%{{z:,}}</b> {began}<extra></extra>",
        )
    )
    lay_out(figure, height=300, longest=max(map(dates.weekday, range(7)), key=len) + "  ", below=_ONE_LINE)
    figure.update_xaxes(
        showgrid=False, tickvals=["00", "03", "06", "09", "12", "15", "18", "21"], type="category"
    )
    figure.update_yaxes(showgrid=False, autorange="reversed")
    return figure


def meter_curve(points: Sequence[MeterPoint], timezone: str) -> go.Figure:
    """Power as an area, energy as a line on its own axis, and the state of charge where it was reported."""
    zone = ZoneInfo(timezone)

    def series(value: Callable[[MeterPoint], float | None]) -> tuple[list[datetime], list[float]]:
        known = [(point.time, number) for point in points if (number := value(point)) is not None]
        # Plotly draws the reading of the clock it is given, so it is given the station's.
        return [time.astimezone(zone).replace(tzinfo=None) for time, _ in known], [n for _, n in known]

    figure = go.Figure()
    for name, value, style in (
        (
            _("Power"),
            lambda p: _thousandth(p.power_w),
            {"fill": "tozeroy", "fillcolor": _FILL, "hovertemplate": "%{y:,.1f} kW"},
        ),
        (_("Energy"), lambda p: _thousandth(p.energy_wh), {"yaxis": "y2", "hovertemplate": "%{y:,.2f} kWh"}),
        (_("State of charge"), lambda p: p.soc_percent, {"yaxis": "y3", "hovertemplate": "%{y:.0f} %"}),
    ):
        times, numbers = series(value)
        if numbers:
            figure.add_scatter(x=times, y=numbers, name=name, mode="lines", **style)
    lay_out(figure, height=320, has_legend=True)
    figure.update_layout(
        hovermode="x unified",
        yaxis={"ticksuffix": " kW", "rangemode": "tozero", "nticks": 5},
        yaxis2={
            "overlaying": "y",
            "side": "right",
            "tickmode": "auto",
            "ticksuffix": " kWh",
            "rangemode": "tozero",
            "nticks": 5,
        }
        | {"showgrid": False},
        yaxis3={"overlaying": "y", "range": [0, 100], "visible": False},
    )
    figure.update_xaxes(showgrid=False, nticks=6, tickangle=0)
    if points:
        ends = [point.time.astimezone(zone).replace(tzinfo=None) for point in (points[0], points[-1])]
        name_times(figure, ends[0], ends[1])
    return figure


@dataclass(frozen=True)
class Line:
    """Shares (0..1, None: no data) at the same places as the other lines of its figure."""

    name: str
    values: Sequence[float | None]
    is_dotted: bool = False


def shares(
    places: Sequence[date],
    labels: Sequence[str],
    lines: Sequence[Line],
    required: float | None = None,
    *,
    height: int = 330,
) -> go.Figure:
    """Lines of shares, from a little below the least to 100 %; `required` is drawn across."""
    figure = go.Figure()
    known = [value for line in lines for value in line.values if value is not None]
    for line in lines:
        figure.add_scatter(
            x=list(places),
            y=[None if value is None else value * 100 for value in line.values],
            name=line.name,
            mode="lines+markers" if len(places) < 2 else "lines",
            line={"width": 2, **({"dash": "dot"} if line.is_dotted else {})},
            customdata=list(labels),
            hovertemplate=f"%{{customdata}}: <b>%{{y:.2f}}</b> % {line.name.lower()}<extra></extra>",
        )
    least = min([*known, required if required is not None else 1.0], default=0.0) * 100
    if required is not None:
        figure.add_hline(y=required * 100, line={"dash": "dash", "width": 1, "color": "#7b8ba3"})
    lay_out(figure, height=height, longest="100 %", has_legend=len(lines) > 1)
    figure.update_layout(hovermode="x unified")
    name_days(figure, list(places))
    figure.update_yaxes(
        range=[max(0.0, least - (100 - least) * 0.15 - 0.2), 100.2], nticks=5, ticksuffix=" %"
    )
    return figure


def stacked(places: Sequence[date], labels: Sequence[str], parts: Mapping[str, Sequence[int]]) -> go.Figure:
    """Counts by what they are of, one on the other."""
    figure = go.Figure()
    for name, counts in parts.items():
        figure.add_bar(
            x=list(places),
            y=list(counts),
            name=name,
            customdata=list(labels),
            hovertemplate=f"%{{customdata}}: <b>%{{y:,d}}</b> {escape(name)}<extra></extra>",
        )
    most = max(map(sum, zip(*parts.values(), strict=True)), default=0)
    lay_out(figure, height=300, longest=amount_label(most), has_legend=True)
    figure.update_layout(barmode="stack", bargap=0.28, legend_traceorder="normal")
    name_days(figure, list(places))
    figure.update_yaxes(rangemode="tozero", nticks=5, tickformat=",d")
    return figure


def lay_out(
    figure: go.Figure, *, height: int, longest: str = "", has_legend: bool = False, below: int = _TWO_LINES
) -> None:
    """Room and behaviour of a figure `height` pixels high whose y axis has labels as long as `longest`.

    Plotly finds the room for labels and legend by drawing all twice. Where they have it, it draws once; what
    is larger than expected here gets its room so as well (`automargin`).
    """
    figure.update_layout(
        height=height,
        margin={
            "l": math.ceil(len(longest) * _LETTER) + _BESIDE if longest else 0,
            "r": 0,
            "t": _LEGEND_ROW if has_legend else _NO_LEGEND,
            "b": below,
        },
        # Its rows grow upwards: those of a narrow screen never lie on the figure.
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        showlegend=has_legend,
        hovermode="closest",
        dragmode=False,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    figure.update_xaxes(fixedrange=True, automargin=True, title=None)
    figure.update_yaxes(fixedrange=True, automargin=True, title=None)


def amount_label(most: float, unit: str = "") -> str:
    """As long as the longest label of an axis from zero to a little above `most`."""
    written = f"{most * 1.05:,.0f}" if most > _WHOLE else "0.0"
    return f"{written} {unit}" if unit else written


def name_days(figure: go.Figure, places: Sequence[date]) -> None:
    """The days, hours or months along the bottom. Plotly itself names them in English only."""
    figure.update_xaxes(showgrid=False, nticks=_MOST_NAMED, hoverformat=" ", tickformatstops=_NAMES_OF_TIMES)
    if current() == ENGLISH or not places:
        return
    named = places[:: -(-len(places) // _MOST_NAMED)]
    is_by_month = len(places) > 1 and places[1] - places[0] >= _MONTH
    figure.update_xaxes(tickvals=named, ticktext=[_place_name(place, is_by_month) for place in named])


def name_times(figure: go.Figure, first: datetime, last: datetime) -> None:
    """The same for a span of time, with its readings of the clock."""
    if current() == ENGLISH:
        figure.update_xaxes(tickformatstops=_NAMES_OF_TIMES)
        return
    figure.update_xaxes(hoverformat="%d/%m/%Y %H:%M")
    step = next(
        (each for each in _STEPS if (last - first) / each <= _MOST_NAMED), (last - first) / _MOST_NAMED
    )
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    place = midnight + step * -(-(first - midnight) // step)
    named = (
        [place + step * number for number in range(int((last - place) / step) + 1)] if place <= last else []
    )
    figure.update_xaxes(tickvals=named, ticktext=[_time_name(each, step) for each in named])


def _place_name(place: date, is_by_month: bool) -> str:
    if isinstance(place, datetime) and (place.hour or place.minute):
        return f"{dates.told(place, 'd MMM')} {place:%H:%M}"
    return dates.told(place, "MMM y" if is_by_month else "d MMM")


def _time_name(at: datetime, step: timedelta) -> str:
    return dates.told(at, "d MMM") if step >= _DAY else f"{at:%H:%M}<br>{dates.told(at, 'd MMM')}"


def escaped(text: str) -> str:
    """Text from people: Plotly reads a few tags, links among them."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _label(bar: Bucket) -> str:
    if isinstance(bar.at, datetime):
        return f"{dates.told(bar.at, 'EEE d MMM')}, {bar.at:%H}:00 – {bar.at:%H}:59"
    if bar.first == bar.last:
        return dates.told(bar.first, "EEE d MMM y")
    return f"{dates.told(bar.first, 'd MMM')} – {dates.told(bar.last, 'd MMM y')}"


def _thousandth(value: int | None) -> float | None:
    return None if value is None else value / 1000


def warm_up() -> None:
    """Load what the first figure of a process loads."""
    day = date(2020, 1, 1)
    bars = [Bucket(day, day, day, 1.0)]
    trend(bars, bars, Metric("Energy", "kWh", lambda _: 0, ",.1f")).to_json()
