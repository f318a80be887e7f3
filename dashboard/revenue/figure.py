"""Revenue over time: net and VAT one on the other, both of the period before as a dotted line."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from plotly import graph_objects as go

from dashboard.drawn import once
from dashboard.figures import amount_label, lay_out, name_days
from dashboard.revenue.rows import label, place
from db.analytics.buckets import Bucket, Grain, Key, bucket_of
from db.analytics.revenue import Earned
from languages import _

_NOTHING = Earned()
_Times = Mapping[Bucket, Mapping[str, Earned]]


@once
def over_time(times: _Times, before: _Times | None, currency: str, grain: Grain) -> go.Figure:
    """Of one currency; `before` None: nothing is comparable. It is of hours where `grain` is that, else of
    days: weeks and months have as many days of the period before beside them as they have in the period.
    """
    earned = [of.get(currency, _NOTHING) for of in times.values()]
    places = [place(bucket) for bucket in times]
    labels = [label(bucket, grain) for bucket in times]
    figure = go.Figure()
    for name, values in (
        (_("Net"), [float(each.net) for each in earned]),
        (_("VAT"), [float(each.tax) for each in earned]),
    ):
        figure.add_bar(
            x=places,
            y=values,
            name=name,
            customdata=[[text, float(each.gross)] for text, each in zip(labels, earned, strict=True)],
            hovertemplate="%{customdata[0]}: "
            + _(
                "{part} of {whole}",
                part=f"<b>%{{y:,.2f}}</b> {currency} {name.lower()}",
                whole="%{customdata[1]:,.2f}",
            )
            + "<extra></extra>",
        )
    _add_before(figure, places, before, currency, grain)
    most = max((float(each.gross) for each in earned), default=0.0)
    lay_out(figure, height=300, longest=amount_label(most, currency), has_legend=True)
    figure.update_layout(
        barmode="stack",
        bargap=0.28,
        barcornerradius=4,
        legend_traceorder="normal",
    )
    name_days(figure, places)
    figure.update_yaxes(rangemode="tozero", nticks=5, tickformat=",~f", ticksuffix=f" {currency}")
    return figure


def _add_before(
    figure: go.Figure, places: list[datetime], before: _Times | None, currency: str, grain: Grain
) -> None:
    if not before:
        return
    beside = list(_beside(before, grain).values())
    gross = {bucket: of.get(currency, _NOTHING).gross for bucket, of in before.items()}
    figure.add_scatter(
        x=places,
        y=[float(sum(gross[bucket] for bucket in buckets)) for buckets in beside],
        name=_("Previous period"),
        mode="lines",
        line={"dash": "dot", "width": 2, "color": "#7b8ba3"},
        customdata=[
            " – ".join(dict.fromkeys(label(end, "day") for end in (buckets[0], buckets[-1])))
            for buckets in beside
        ],
        hovertemplate=f"%{{customdata}}: %{{y:,.2f}} {currency}<extra></extra>",
    )


def _beside(before: _Times, grain: Grain) -> dict[Key, list[Bucket]]:
    """The hours or days of the period before by the bucket that they are in one period later."""
    if grain in ("hour", "day"):
        return {bucket: [bucket] for bucket in before}
    found: dict[Key, list[Bucket]] = {}
    for bucket in before:
        later = bucket.day + timedelta(days=len(before))
        found.setdefault(bucket_of(later, 0, grain), []).append(bucket)
    return found
