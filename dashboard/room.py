"""A list in the form that fits the visitor's window: a table where there is room for one, else cards."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard.gate.document import ROOM_COOKIE


def one_that_fits(key: str, *, wide: Callable[[], None], narrow: Callable[[], None]) -> None:
    """Draw the one that fits the width that the window had when its page was loaded. Of a browser that did
    not tell it both are drawn, and the style sheet shows the one that fits.
    """
    told = st.context.cookies.get(ROOM_COOKIE)
    for room, draw in (("wide", wide), ("narrow", narrow)):
        if told not in ("wide", "narrow"):
            with st.container(key=f"{room}-{key}"):
                draw()
        elif told == room:
            with st.container(key=f"{room}list-{key}"):
                draw()


def is_narrow() -> bool:
    """Whether the window had a phone's width when its page was loaded."""
    return st.context.cookies.get(ROOM_COOKIE) == "narrow"
