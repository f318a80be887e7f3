"""The pages of a list: the buttons that turn them name the list, in the visitor's language."""

from __future__ import annotations

import streamlit as st

from dashboard import markup
from languages import N_, _

# The words and the icon of each way.
_WAYS = {
    "first": (N_("First page"), "first_page"),
    "previous": (N_("Previous page"), "chevron_left"),
    "next": (N_("Next page"), "chevron_right"),
    "last": (N_("Last page"), "last_page"),
}


def choose_page(pages: int, key: str, about: str) -> int:
    """The page of the list `about` that is looked at, from 1; another `key` begins with the first."""
    page = min(max(1, int(st.session_state.get(f"{key} page", 1))), max(1, pages))
    if pages <= 1:
        return page
    place = st.container(
        key=f"pages-{key}",
        horizontal=True,
        width="content",
        vertical_alignment="center",
        gap="xxsmall",
    )
    before, after = {"first": 1, "previous": page - 1}, {"next": page + 1, "last": pages}
    with place:
        for way, target in before.items():
            _button(way, target, key, about, disabled=page == 1)
        said = _("Page {page:,} of {pages:,}", page=page, pages=pages)
        st.html(f'<p class="mm-pages" role="status">{said}</p>', width="content")
        for way, target in after.items():
            _button(way, target, key, about, disabled=page == pages)
    return page


def _button(way: str, target: int, key: str, about: str, *, disabled: bool) -> None:
    words, icon = _WAYS[way]
    st.button(
        markup.about(_(words), about),
        icon=f":material/{icon}:",
        key=f"{key}-{way}",
        type="tertiary",
        disabled=disabled,
        on_click=_turn,
        args=(key, target),
    )


def _turn(key: str, target: int) -> None:
    st.session_state[f"{key} page"] = target
