"""A row of a list: who or what, in which state, and facts about it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Fact:
    """`exact` is told on hover, `is_urgent` wants the eye."""

    name: str
    value: str
    exact: str = ""
    is_urgent: bool = False


def fact_row(title: str, below: str, state: tuple[str, str], facts: Sequence[Fact]) -> str:
    """A row of a list: `state` is its word and its colour."""
    word, kind = state
    under = f"<span>{escape(below)}</span>" if below else ""
    return (
        f'<div class="mm-row"><div class="mm-row-who"><b>{escape(title)}</b>{under}</div>'
        f'<span class="mm-pill"><i class="mm-dot mm-{kind}"></i>{escape(word)}</span>'
        f'<dl class="mm-row-facts">{"".join(map(_fact, facts))}</dl></div>'
    )


def _fact(fact: Fact) -> str:
    urgent = ' class="mm-urgent"' if fact.is_urgent else ""
    title = f' title="{escape(fact.exact)}"' if fact.exact else ""
    return f"<div><dt>{escape(fact.name)}</dt><dd{urgent}{title}>{escape(fact.value)}</dd></div>"
