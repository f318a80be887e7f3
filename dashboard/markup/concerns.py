"""What wants attention, a line each, or that nothing does."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape

from languages import _


@dataclass(frozen=True)
class Concern:
    """`kind` names its colour. `page` (a script, with its `query`) is where something can be done about it,
    if there is one, and `where` what the link there says.
    """

    key: str
    kind: str
    headline: str
    detail: str
    page: str | None = None
    where: str = ""
    query: dict[str, str] = field(default_factory=dict)


def concern(found: Concern) -> str:
    return (
        f'<div class="mm-attention"><i class="mm-dot mm-{found.kind}" aria-hidden="true"></i>'
        f"<span><b>{escape(found.headline)}</b> <span>{escape(found.detail)}</span></span></div>"
    )


def all_well(looked_at: str) -> str:
    return (
        '<div class="mm-card mm-well" role="status"><i aria-hidden="true">✓</i><b>'
        + escape(_("All well"))
        + "</b>"
        f"<span>{escape(looked_at)}</span></div>"
    )
