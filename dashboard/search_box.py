"""The box beside a list in which one types what to look for."""

from __future__ import annotations

import streamlit as st

from db.searching import sought
from languages import _


def search_box(placeholder: str, *, key: str = "find", width: int = 280) -> str:
    """What it holds, which the address keeps under `key`; empty where nothing is looked for."""
    return sought(
        st.text_input(
            _("Search"),
            placeholder=placeholder,
            max_chars=100,
            key=key,
            bind="query-params",
            label_visibility="collapsed",
            icon=":material/search:",
            width=width,
        )
        or ""
    )
