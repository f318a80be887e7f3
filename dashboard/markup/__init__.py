"""Pieces of HTML that pages show through `st.html`. Whatever comes from people is escaped here."""

from dashboard.markup.cards import (
    Card,
    Change,
    Compared,
    Figure,
    card,
    definition,
    figure,
    figures_side_by_side,
    sparkline,
    tile,
)
from dashboard.markup.concerns import (
    Concern,
    all_well,
    concern,
)
from dashboard.markup.lists import (
    Bar,
    bars,
    bill,
    facts,
    part_of,
    steps,
    totals,
)
from dashboard.markup.page import (
    SCRIPT,
    STYLE_SHEET,
    about,
    card_title,
    empty,
    notice,
    plain,
    script,
    scripts,
    style_sheet,
    title,
    user_card,
)
from dashboard.markup.strip import (
    Share,
    live_strip,
)
from dashboard.markup.tables import (
    TableRow,
    table,
)

__all__ = [
    "SCRIPT",
    "STYLE_SHEET",
    "Bar",
    "Card",
    "Change",
    "Compared",
    "Concern",
    "Figure",
    "Share",
    "TableRow",
    "about",
    "all_well",
    "bars",
    "bill",
    "card",
    "card_title",
    "concern",
    "definition",
    "empty",
    "facts",
    "figure",
    "figures_side_by_side",
    "live_strip",
    "notice",
    "part_of",
    "plain",
    "script",
    "scripts",
    "sparkline",
    "steps",
    "style_sheet",
    "table",
    "tile",
    "title",
    "totals",
    "user_card",
]
