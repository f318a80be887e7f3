"""The charts and tables of the page Availability, from what it loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date

import pandas as pd
from plotly import graph_objects as go

from dashboard import figures
from dashboard.availability import rows
from dashboard.drawn import once
from dashboard.loading import PortOutage
from db.analytics.availability import NEVI_REQUIRED
from db.analytics.errors import ErrorTotal
from db.analytics.outages import DayTime, StationAvailability
from db.analytics.scope import Period
from db.analytics.success import Grain, Success, VisitRow


@once
def over_time(days: Mapping[date, DayTime], grain: Grain) -> go.Figure:
    places, lines = rows.availability_lines(days, grain)
    labels = [rows.label(place, grain) for place in places]
    return figures.shares(places, labels, lines, float(NEVI_REQUIRED))


@once
def success(found: Success, grain: Grain) -> go.Figure:
    pooled = found.by(grain)
    labels = [rows.label(place, grain) for place in pooled]
    return figures.shares(list(pooled), labels, rows.success_lines(pooled), height=240)


@once
def errors_over_time(by_day: Mapping[date, Counter[str]], period: Period, grain: Grain) -> go.Figure:
    places, parts = rows.error_parts(by_day, period, grain)
    return figures.stacked(places, [rows.label(place, grain) for place in places], parts)


@once
def stations(found: Sequence[StationAvailability]) -> pd.DataFrame:
    return pd.DataFrame(map(rows.station_row, found))


@once
def outages(found: Sequence[PortOutage], most: int) -> pd.DataFrame:
    """The first of them, at most so many."""
    return pd.DataFrame(map(rows.outage_row, found[:most]))


@once
def visits(found: Sequence[VisitRow]) -> pd.DataFrame:
    return pd.DataFrame(map(rows.visit_row, found))


@once
def errors(found: Sequence[ErrorTotal]) -> pd.DataFrame:
    return pd.DataFrame(map(rows.error_row, found))
