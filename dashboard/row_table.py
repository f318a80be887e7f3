"""Rows as a table where there is room for one, and on a phone as cards, each value with its title."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd
import streamlit as st

from dashboard import formats, markup
from dashboard.markup import RowCard
from dashboard.room import one_that_fits
from languages import _

_ROW_HEIGHT, _HEAD_HEIGHT = 36, 35
# As many cards as a thumb goes through; each touch of the button below them brings more.
CARDS = 10
_NONE = ""


@dataclass(frozen=True)
class Column:
    """`title` is what is said above it where that is not its name; `places` are those after the point of a
    number, `unit` stands behind it.
    """

    title: str | None = None
    places: int | None = None
    unit: str = ""
    width: Literal["small", "medium", "large"] | int | None = None
    pinned: bool = False
    alignment: Literal["left", "right"] | None = None

    @property
    def config(self) -> Any:
        if self.places is None:
            return st.column_config.Column(
                self.title, width=self.width, pinned=self.pinned, alignment=self.alignment
            )
        unit = f" {self.unit}".replace("%", "%%") if self.unit else ""
        return st.column_config.NumberColumn(
            self.title, format=f"%.{self.places}f{unit}", width=self.width, pinned=self.pinned
        )

    def told(self, value: Any) -> str:
        """A value as a card says it: empty for none."""
        if pd.isna(value):
            return _NONE
        if self.places is not None:
            return str(formats.Amount(f"{value:,.{self.places}f}", self.unit))
        return formats.count(value) if isinstance(value, int) else str(value)


@dataclass(frozen=True)
class Choice:
    """What is done with one row, given its place: `words` are on the button of its card.

    `with_one` are on that below the table once a row is chosen there, `with_none` before.
    """

    words: str
    icon: str
    do: Callable[[int], None]
    with_one: str = ""
    with_none: str = ""


def row_table(
    rows: pd.DataFrame,
    key: str,
    about: str,
    *,
    columns: Mapping[str, Column] | None = None,
    head: str = "",
    in_sight: int = 10,
    cards: int = CARDS,
    choice: Choice | None = None,
) -> None:
    """`about` says what the rows are to who cannot see them. `head` is the column that is a card's title, the
    first one if not told; `in_sight` rows of the table are seen at once, and `cards` at first.
    """
    known = dict(columns or {})
    one_that_fits(
        key,
        wide=lambda: _with_choice(rows, key, about, known, in_sight, choice),
        narrow=lambda: row_cards(rows, key, about, columns=known, head=head, cards=cards, choice=choice),
    )


def table(
    rows: pd.DataFrame,
    key: str,
    about: str,
    *,
    columns: Mapping[str, Column],
    in_sight: int,
    is_choosable: bool = False,
) -> int | None:
    """The rows as a table alone; returns the place of the one that was chosen."""
    how: dict[str, Any] = {"on_select": "rerun", "selection_mode": ["single-row", "single-cell"]}
    found = st.dataframe(
        rows,
        key=key,
        hide_index=True,
        height=_ROW_HEIGHT * min(len(rows), in_sight) + _HEAD_HEIGHT,
        row_height=_ROW_HEIGHT,
        column_config={name: column.config for name, column in columns.items()},
        alt=about,
        **(how if is_choosable else {}),
    )
    if not is_choosable:
        return None
    selection: Any = found["selection"]
    picked = [*selection["rows"], *(row for row, _column in selection["cells"])]
    return picked[0] if picked and picked[0] < len(rows) else None


def _with_choice(
    rows: pd.DataFrame,
    key: str,
    about: str,
    columns: Mapping[str, Column],
    in_sight: int,
    choice: Choice | None,
) -> None:
    chosen = table(rows, key, about, columns=columns, in_sight=in_sight, is_choosable=choice is not None)
    if choice is None:
        return
    if (
        st.button(
            choice.with_none if chosen is None else choice.with_one,
            icon=choice.icon,
            key=f"{key}-choose",
            disabled=chosen is None,
        )
        and chosen is not None
    ):
        choice.do(chosen)


def row_cards(
    rows: pd.DataFrame,
    key: str,
    about: str,
    *,
    columns: Mapping[str, Column] | None = None,
    head: str = "",
    cards: int = CARDS,
    choice: Choice | None = None,
) -> None:
    """The first rows as cards, and a button that brings more."""
    columns, head = columns or {}, head or str(rows.columns[0])
    shown = min(len(rows), st.session_state.get(f"{key}-cards", cards))
    drawn = [_card(row, columns, head) for row in rows.head(shown).to_dict("records")]
    if choice is None:
        st.html(markup.row_cards(about, drawn))
    else:
        for place, card in enumerate(drawn):
            with st.container(key=f"record-{key}-{place}", gap=None):
                st.html(markup.row_cards(about, [card]))
                words = markup.about(
                    choice.words, " ".join([card.head, *(text for _name, text in card.facts[:2])])
                )
                if st.button(words, icon=choice.icon, key=f"{key}-choose-{place}", type="tertiary"):
                    choice.do(place)
    if shown < len(rows):
        st.button(
            _("Show more ({count:,})", count=len(rows) - shown),
            icon=":material/expand_more:",
            key=f"{key}-more",
            width="stretch",
            on_click=_show_more,
            args=(f"{key}-cards", shown + 2 * CARDS),
        )


def _show_more(key: str, count: int) -> None:
    st.session_state[key] = count


def _card(row: Mapping[Any, Any], columns: Mapping[str, Column], head: str) -> RowCard:
    told = {str(name): columns.get(str(name), Column()).told(value) for name, value in row.items()}
    title = told.pop(head)
    return RowCard(title, [(name, text) for name, text in told.items() if text])
