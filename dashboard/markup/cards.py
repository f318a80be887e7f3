"""KPIs as cards, and how a KPI is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from dashboard.formats import NO_DATA, Amount
from languages import _


@dataclass(frozen=True)
class Change:
    """Against the period before: `text` such as `12.2 %`; `rose` is None where nothing changed, `good`
    where that is neither.
    """

    text: str
    rose: bool | None
    good: bool | None


@dataclass(frozen=True)
class Card:
    """A KPI by its `key`: `value` None is no data, `exact` its full precision, `note` about the change."""

    key: str
    label: str
    value: Amount | None
    exact: str
    note: str
    change: Change | None
    compared_with: str
    history: Sequence[float | None]


@dataclass(frozen=True)
class Figure:
    """A KPI by its `key`, without a period before. `verdict` says whether it is good (None: neither),
    `detail` what it is made of; `value` None is no data.
    """

    key: str
    label: str
    value: Amount | None
    verdict: tuple[str, bool | None] | None
    detail: str
    exact: str = ""


@dataclass(frozen=True)
class Compared:
    """A period's value: None is no data. `parts` are what it is made of, with their names."""

    title: str
    value: Amount | None
    caption: str
    parts: Sequence[tuple[str, str]] = ()


def card(card: Card) -> str:
    return (
        f'<section class="mm-card mm-kpi" aria-label="{escape(card.label)}">'
        f'<div class="mm-kpi-label">{escape(card.label)}</div>'
        f'<div class="mm-kpi-value" title="{escape(card.exact)}">{_amount(card.value)}</div>'
        f'<div class="mm-kpi-change">{_change(card)}</div>{sparkline(card.history)}</section>'
    )


def figure(figure: Figure) -> str:
    verdict = ""
    if figure.verdict is not None:
        text, is_good = figure.verdict
        kind = {True: "mm-good", False: "mm-bad", None: "mm-even"}[is_good]
        verdict = f'<span class="mm-delta {kind}">{escape(text)}</span>'
    return (
        f'<section class="mm-card mm-kpi mm-figure" aria-label="{escape(figure.label)}">'
        f'<div class="mm-kpi-label">{escape(figure.label)}</div>'
        f'<div class="mm-kpi-value" title="{escape(figure.exact)}">{_amount(figure.value)}</div>'
        f'<div class="mm-kpi-change">{verdict}<span class="mm-vs">{escape(figure.detail)}</span></div>'
        "</section>"
    )


def tile(name: str, value: Amount | None, before: str, parts: Sequence[tuple[str, str]] = ()) -> str:
    """A KPI without a history: its value, that of the period before in words, and what it is most of."""
    most = "".join(f"<span>{escape(what)} <b>{escape(text)}</b></span>" for what, text in parts)
    return (
        f'<section class="mm-card mm-kpi mm-tile" aria-label="{escape(name)}">'
        f'<div class="mm-kpi-label">{escape(name)}</div><div class="mm-kpi-value">{_amount(value)}</div>'
        f'<div class="mm-kpi-change"><span class="mm-vs">{escape(before)}</span></div>{most}</section>'
    )


def _amount(value: Amount | None) -> str:
    if value is None:
        return f'<span class="mm-none">{NO_DATA}</span> <small>{escape(_("no data"))}</small>'
    return f"{escape(value.figure)} <small>{escape(value.unit)}</small>"


def _change(card: Card) -> str:
    if card.value is None:
        return ""
    compared = (
        f'<span class="mm-vs" title="{escape(card.note)}">{escape(card.compared_with)}</span>'
        if card.compared_with
        else ""
    )
    if card.change is None:
        return f'<span class="mm-delta mm-even">{escape(_("n/a"))}</span>{compared}'
    kind = {True: "mm-good", False: "mm-bad", None: "mm-even"}[card.change.good]
    arrow, spoken = {True: ("↑", _("up")), False: ("↓", _("down")), None: ("", _("unchanged"))}[
        card.change.rose
    ]
    sign = f'<span aria-hidden="true">{arrow}</span> ' if arrow else ""
    return (
        f'<span class="mm-delta {kind}" aria-label="{spoken} {escape(card.change.text)}">'
        f"{sign}{escape(card.change.text)}</span>{compared}"
    )


def sparkline(values: Sequence[float | None]) -> str:
    """A small area chart as the mask of a coloured box, which so follows the theme. Gaps stay gaps."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return '<div class="mm-spark mm-spark-none"></div>'
    svg = (
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 100 36' preserveAspectRatio='none'>"
        f"{''.join(_area(run) for run in _runs(values, min(known), max(known)))}</svg>"
    )
    mask = f"url(&quot;data:image/svg+xml,{quote(svg)}&quot;)"
    style = f"-webkit-mask-image:{mask};mask-image:{mask}"
    return f'<div class="mm-spark" aria-hidden="true" style="{style}"></div>'


def _runs(values: Sequence[float | None], low: float, high: float) -> list[list[tuple[float, float]]]:
    """The unbroken stretches of `values` as points in a box of 100 by 36, `high` near its top."""
    runs: list[list[tuple[float, float]]] = [[]]
    for position, value in enumerate(values):
        if value is None:
            runs.append([])
            continue
        height = 26 * (value - low) / (high - low) if high > low else 12
        runs[-1].append((position * 100 / (len(values) - 1), 32 - height))
    return [run for run in runs if run]


def _area(points: list[tuple[float, float]]) -> str:
    line = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    first, last = points[0][0], points[-1][0]
    return (
        f"<path d='M{first:.1f} 36L{line}L{last:.1f} 36Z' fill-opacity='.16'/>"
        f"<path d='M{line}' fill='none' stroke='#000' stroke-width='1.6' stroke-linejoin='round' "
        "vector-effect='non-scaling-stroke'/>"
    )


def figures_side_by_side(found: Sequence[Compared]) -> str:
    return f'<div class="mm-compared">{"".join(map(_compared, found))}</div>'


def _compared(figure: Compared) -> str:
    value = "" if figure.value is None and figure.parts else _amount(figure.value)
    parts = "".join(
        f"<li><span>{escape(name)}</span> <b>{escape(text)}</b></li>" for name, text in figure.parts
    )
    return (
        f'<section aria-label="{escape(figure.title)}"><span>{escape(figure.title)}</span>'
        f'<div class="mm-kpi-value">{value}</div><span>{escape(figure.caption)}</span>'
        f"{f'<ul>{parts}</ul>' if parts else ''}</section>"
    )


def definition(formula: str, source: str) -> str:
    """How something is computed, and by whose definition."""
    return (
        f'<div class="mm-definition"><p>{escape(formula)}</p>'
        f"<p><span>{escape(_('Definition'))}</span> {escape(source)}</p></div>"
    )
