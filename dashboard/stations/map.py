"""The map of stations: places on a grid of degrees with a scale. It asks no server for tiles.

Colour and shape both tell a station's state, so that one of them is enough. Stations that would cover each
other are one point with their number, in the state that matters most among them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from plotly import graph_objects as go

from dashboard import figures
from dashboard.stations.row import RANKS, STATES, StationNow
from languages import _, ngettext

HEIGHT = 380
# Of Wong's colours for the colour-blind, in the middle of both themes; the shapes are Plotly's.
LOOKS = {
    "charging": ("#2f7fd1", "circle"),
    "occupied": ("#a78bfa", "square"),
    "available": ("#12a07f", "circle"),
    "faulted": ("#e0552b", "x"),
    "offline": ("#7b8ba3", "diamond-open"),
    "other": ("#d69b1f", "triangle-up"),
    "inactive": ("#7b8ba3", "circle-open"),
}
_KM_PER_DEGREE = 111.32
_LEAST_SPAN = 0.02
Point = list[StationNow]
# Points nearer than this part of the map would cover each other.
_CROWDED = 0.045
_MOST_LABELS = 14
# Pixels: how wide the map is on a phone and elsewhere, at the least; a letter, a line and a point of it.
NARROW, WIDE = 300, 900
_LETTER, _LINE, _POINT = 5.8, 15, 15
_MOST_NAMED = 10
_GRID = "rgba(123, 139, 163, 0.22)"
_GROUND = "rgba(20, 160, 143, 0.05)"


class Frame(NamedTuple):
    """What is in sight, in degrees; `squeeze` is how much shorter a degree of longitude is."""

    west: float
    east: float
    south: float
    north: float
    squeeze: float


def located(found: Sequence[StationNow]) -> list[StationNow]:
    return [
        each for each in found if each.station.latitude is not None and each.station.longitude is not None
    ]


def station_map(found: Sequence[StationNow], width: int = WIDE) -> go.Figure:
    """Stations that have coordinates; a point's `customdata` lists the pks of its stations.

    `width` is what there is for it, in pixels: a name that would cover another is told on hover only.
    """
    frame = _frame(found)
    points = together(found, frame)
    places = _name_places(points, frame, width) if len(points) <= _MOST_LABELS else {}
    figure = go.Figure()
    for kind, (colour, shape) in LOOKS.items():
        of_kind = [number for number, point in enumerate(points) if _kind(point) == kind]
        if of_kind:
            figure.add_scatter(
                **_points(kind, [points[number] for number in of_kind], colour, shape),
                text=[_label(points[number]) if number in places else "" for number in of_kind],
                textposition=[places.get(number, "top center") for number in of_kind],
            )
    _ground(figure, frame)
    _scale(figure, frame)
    return figure


def _points(kind: str, points: Sequence[Point], colour: str, shape: str) -> dict[str, object]:
    return {
        "x": [_middle(point)[0] for point in points],
        "y": [_middle(point)[1] for point in points],
        "hovertext": [_names(point) for point in points],
        "customdata": [",".join(str(each.station.pk) for each in point) for point in points],
        "name": _(STATES[kind]),
        "mode": "markers+text",
        "textfont": {"size": 11},
        "cliponaxis": False,
        "marker": {
            "color": colour,
            "symbol": shape,
            "size": [13 if len(point) == 1 else min(34, 17 + len(point)) for point in points],
            "opacity": 0.9,
            "line": {"width": 1.5, "color": colour},
        },
        "hovertemplate": "%{hovertext}<br>%{fullData.name}<extra></extra>",
    }


def together(found: Sequence[StationNow], frame: Frame) -> list[Point]:
    """Those that would cover each other in one point."""
    points: list[Point] = []
    near = _CROWDED * (frame.north - frame.south)
    for each in found:
        for point in points:
            east = (_longitude(each) - _longitude(point[0])) * frame.squeeze
            if math.hypot(east, _latitude(each) - _latitude(point[0])) < near:
                point.append(each)
                break
        else:
            points.append([each])
    return points


def _middle(point: Point) -> tuple[float, float]:
    """East and north, in degrees."""
    return (
        sum(_longitude(each) for each in point) / len(point),
        sum(_latitude(each) for each in point) / len(point),
    )


class Box(NamedTuple):
    """In pixels, from the left and from below."""

    left: float
    right: float
    bottom: float
    top: float

    def meets(self, other: Box) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.bottom < other.top
            and other.bottom < self.top
        )


def _name_places(points: Sequence[Point], frame: Frame, width: int) -> dict[int, str]:
    """Where each point's name stands, by the point's number: above it, below, or beside it, where it covers
    no point and no other name. One without such a place is left out.
    """
    east, north = (frame.east - frame.west) * frame.squeeze, frame.north - frame.south
    scale = min(width / east, HEIGHT / north)
    # What is wider or higher than the stations want is shared out to both sides.
    edge, floor = (width - east * scale) / 2, (HEIGHT - north * scale) / 2
    centres = [
        (edge + (x - frame.west) * frame.squeeze * scale, floor + (y - frame.south) * scale)
        for x, y in map(_middle, points)
    ]
    half = _POINT / 2
    taken = [Box(x - half, x + half, y - half, y + half) for x, y in centres]
    places: dict[int, str] = {}
    for number, (x, y) in enumerate(centres):
        length = len(_label(points[number])) * _LETTER
        for place, box in _around(x, y, length).items():
            is_inside = box.left >= 0 and box.right <= width
            if is_inside and not any(box.meets(other) for other in taken):
                places[number] = place
                taken.append(box)
                break
    return places


def _around(x: float, y: float, length: float) -> dict[str, Box]:
    """Where a name of this length may stand around a point, the best place first."""
    gap, half = _POINT / 2 + 1, length / 2
    above, below = (y + gap, y + gap + _LINE), (y - gap - _LINE, y - gap)
    middle = (y - _LINE / 2, y + _LINE / 2)
    return {
        "top center": Box(x - half, x + half, *above),
        "bottom center": Box(x - half, x + half, *below),
        "middle right": Box(x + gap, x + gap + length, *middle),
        "middle left": Box(x - gap - length, x - gap, *middle),
        "top right": Box(x + gap, x + gap + length, *above),
        "top left": Box(x - gap - length, x - gap, *above),
        "bottom right": Box(x + gap, x + gap + length, *below),
        "bottom left": Box(x - gap - length, x - gap, *below),
    }


def _kind(point: Point) -> str:
    kinds = {each.kinds[0] for each in point}
    return next(kind for kind in RANKS if kind in kinds)


def _label(point: Point) -> str:
    return (
        figures.escaped(point[0].station.name)
        if len(point) == 1
        else ngettext("{n} station", "{n} stations", len(point))
    )


def _names(point: Point) -> str:
    names = [f"<b>{figures.escaped(each.station.name)}</b>" for each in point[:_MOST_NAMED]]
    more = len(point) - _MOST_NAMED
    return "<br>".join([*names, _("and {more} more", more=more)] if more > 0 else names)


def _longitude(found: StationNow) -> float:
    return found.station.longitude or 0.0


def _latitude(found: StationNow) -> float:
    return found.station.latitude or 0.0


def _frame(found: Sequence[StationNow]) -> Frame:
    longitudes, latitudes = [_longitude(each) for each in found], [_latitude(each) for each in found]
    middle = (min(latitudes) + max(latitudes)) / 2
    squeeze = max(0.05, math.cos(math.radians(middle)))
    span = max(
        (max(longitudes) - min(longitudes)) * squeeze / 2, max(latitudes) - min(latitudes), _LEAST_SPAN
    )
    margin = span * 0.18
    return Frame(
        min(longitudes) - margin / squeeze,
        max(longitudes) + margin / squeeze,
        min(latitudes) - margin,
        max(latitudes) + margin,
        squeeze,
    )


def _ground(figure: go.Figure, frame: Frame) -> None:
    figures.lay_out(figure, height=HEIGHT, has_legend=True)
    step = _round_step(max((frame.east - frame.west) / 5, (frame.north - frame.south) / 3))
    axis = {
        "showgrid": True,
        "gridcolor": _GRID,
        "griddash": "dot",
        "zeroline": False,
        "dtick": step,
        "showticklabels": False,
        "showline": True,
        "linecolor": _GRID,
        "mirror": True,
    }
    figure.update_xaxes(range=[frame.west, frame.east], **axis)
    figure.update_yaxes(
        range=[frame.south, frame.north], scaleanchor="x", scaleratio=1 / frame.squeeze, **axis
    )
    figure.update_layout(plot_bgcolor=_GROUND, uirevision="map")


def _scale(figure: go.Figure, frame: Frame) -> None:
    """A bar of a round number of kilometres."""
    km = _round_step((frame.east - frame.west) * frame.squeeze * _KM_PER_DEGREE / 5)
    width = km / _KM_PER_DEGREE / frame.squeeze
    left, below = frame.west + width * 0.15, frame.south + (frame.north - frame.south) * 0.05
    figure.add_shape(
        type="line",
        x0=left,
        x1=left + width,
        y0=below,
        y1=below,
        line={"width": 3, "color": "rgba(123, 139, 163, 0.9)"},
    )
    figure.add_annotation(
        x=left + width / 2, y=below, text=f"{km:g} km", showarrow=False, yshift=10, font={"size": 11}
    )


def _round_step(about: float) -> float:
    """1, 2 or 5 times a power of ten, not above `about`."""
    power: float = 10.0 ** math.floor(math.log10(about))
    return next(factor * power for factor in (5, 2, 1) if factor * power <= about or factor == 1)
