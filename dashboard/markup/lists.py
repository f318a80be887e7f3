"""Rankings, sums, facts, cards of rows, bills and steps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape

from languages import N_, _

# How many letters have room in a third of a phone's width, and in two.
_THIRD, _TWO_THIRDS = 14, 30
# How many have room in a column of facts.
_COLUMN = 24
_COMMAND, _AS_CODE = re.compile("`([^`]+)`"), r"<code>\1</code>"


@dataclass(frozen=True)
class Bar:
    """`part` is how much of the track is filled, 0..1; `href` where its label leads."""

    label: str
    value: str
    detail: str
    part: float
    href: str = ""


@dataclass(frozen=True)
class RowCard:
    """A row where there is no room for a table: what it is called, and its values with their titles."""

    head: str
    facts: Sequence[tuple[str, str]]


def bars(found: Sequence[Bar], *, are_wordy: bool = False) -> str:
    """`are_wordy`: what stands beside a label is long, and goes below it where there is no room."""
    rows = "".join(
        f'<li><span class="mm-bar-label">{linked(bar.label, bar.href)}</span>'
        f'<span class="mm-bar-value"><b>{escape(bar.value)}</b> {escape(bar.detail)}</span>'
        f'<span class="mm-track"><span style="width:{max(bar.part, 0) * 100:.1f}%"></span></span></li>'
        for bar in found
    )
    return f'<ol class="mm-bars{" mm-wordy" if are_wordy else ""}">{rows}</ol>'


def linked(label: str, href: str) -> str:
    return f'<a href="{escape(href)}" target="_self">{escape(label)}</a>' if href else escape(label)


def part_of(value: Decimal, greatest: Decimal) -> float:
    return float(value / greatest) if greatest > 0 else 0.0


def totals(found: Sequence[tuple[str, str]]) -> str:
    items = "".join(f"<span><b>{escape(value)}</b> {escape(label)}</span>" for label, value in found)
    return f'<div class="mm-totals">{items}</div>'


def facts(found: Sequence[tuple[str, str]]) -> str:
    items = "".join(
        f'<div class="{"mm-wide" if len(value) > _COLUMN else "mm-short"}"><dt>{escape(name)}</dt>'
        f"<dd>{escape(value)}</dd></div>"
        for name, value in found
    )
    return f'<dl class="mm-facts">{items}</dl>'


def row_cards(about: str, found: Sequence[RowCard]) -> str:
    """`about` says what they are to who cannot see them."""
    cards = "".join(
        f"<li><b>{escape(card.head)}</b><dl>{''.join(_fact(*each) for each in card.facts)}</dl></li>"
        for card in found
    )
    return f'<ul class="mm-row-cards" aria-label="{escape(about)}">{cards}</ul>'


def _fact(name: str, value: str) -> str:
    kind = "mm-long" if len(value) > _TWO_THIRDS else "mm-wide" if len(value) > _THIRD else "mm-short"
    return f'<div class="{kind}"><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>'


def sentences(found: Sequence[tuple[str, str]]) -> str:
    """Names with sentences about them, in which what stands between backticks is a command."""
    items = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{_COMMAND.sub(_AS_CODE, escape(about))}</dd></div>"
        for name, about in found
    )
    return f'<dl class="mm-facts mm-sentences">{items}</dl>'


def bill(lines: Sequence[tuple[str, str]], total: tuple[str, str]) -> str:
    rows = "".join(f"<div><span>{escape(a)}</span><span>{escape(b)}</span></div>" for a, b in lines)
    return (
        f'<div class="mm-bill">{rows}<div class="mm-bill-total"><span>{escape(total[0])}</span>'
        f"<span>{escape(total[1])}</span></div></div>"
    )


def steps(found: Sequence[tuple[str, str, str, str]]) -> str:
    """The steps of a command as (words, state, clock time, detail)."""
    # The states by name, for who cannot see the signs.
    _names = (N_("done"), N_("failed"), N_("waiting"))
    signs = {"done": "✓", "failed": "✕", "waiting": "…"}
    items = "".join(
        f'<li class="mm-{escape(state)}"><i aria-label="{escape(_(state))}">{signs.get(state, "")}</i>'
        f"<span>{escape(words)}</span><time>{escape(at)}</time>"
        f"{f'<p>{escape(detail)}</p>' if detail else ''}</li>"
        for words, state, at, detail in found
    )
    return f'<ol class="mm-steps">{items}</ol>'
