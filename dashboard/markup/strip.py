"""The strip that says how the network is now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from dashboard.formats import Amount
from languages import _, ngettext


@dataclass(frozen=True)
class Share:
    """A part of the bar of states. `kind` names its colour."""

    label: str
    kind: str
    count: int


def live_strip(stations: int, shares: Sequence[Share], power: Amount, age: str, *, is_fresh: bool) -> str:
    parts = "".join(
        f'<span class="mm-{share.kind}" style="flex-grow:{share.count}"></span>'
        for share in shares
        if share.count
    )
    legend = "".join(
        f'<span class="mm-state"><i class="mm-dot mm-{share.kind}"></i><b>{share.count:,}</b> '
        f"{escape(share.label)}</span>"
        for share in shares
        if share.count or share.kind in ("charging", "available", "faulted", "offline")
    )
    summary = escape(", ".join(f"{share.count} {share.label}" for share in shares))
    freshness = _("Live") if is_fresh else _("Not live")
    word = ngettext("station", "stations", stations)
    return (
        f'<div class="mm-card mm-strip"><span class="mm-live{"" if is_fresh else " mm-stale"}">'
        f'<i class="mm-pulse"></i><b>{escape(freshness)}</b> '
        f'<span class="mm-age">{escape(age)}</span></span>'
        f"<span><b>{stations:,}</b> {escape(word)}</span>"
        f'<span class="mm-states" role="img" aria-label="{summary}">{parts}</span>{legend}'
        f'<span class="mm-power"><b>{escape(power.figure)}</b> {escape(power.unit)} '
        f"{escape(_('now'))}</span></div>"
    )
