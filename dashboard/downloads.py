"""The buttons that give something as a file."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import streamlit as st

from dashboard import loading, markup
from db.analytics.scope import Period, Scope
from ocpp_integration.exports.catalogue import EXPORTS
from ocpp_integration.exports.files import FORMATS

_FORMATS = {"csv": "CSV", "xlsx": "Excel"}
PDF = "application/pdf"


def title(text: str, caption: str, export: str, scope: Scope, period: Period) -> None:
    """A card's title, with the buttons for what it lists."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="top"):
        st.html(markup.card_title(text, caption), width="content")
        buttons(text, export, scope, period)


def buttons(title: str, export: str, scope: Scope, period: Period) -> None:
    """`title` is what the files hold, `export` its name in the catalogue.

    Nothing is made until it is asked for.
    """
    with st.container(horizontal=True, width="content", gap="small", key=f"files-{export}"):
        for ending, words in _FORMATS.items():
            button(
                markup.about(words, title),
                partial(loading.file, export, ending, scope, period),
                EXPORTS[export].file_name(ending, period),
                FORMATS[ending].content_type,
                key=f"{ending}-{export}",
            )


def button(
    words: str,
    make: Callable[[], bytes],
    file_name: str,
    content_type: str,
    *,
    key: str,
    icon: str = ":material/download:",
    look: Literal["tertiary", "secondary"] = "tertiary",
    hint: str | None = None,
) -> None:
    """The file is made when it is asked for, and the page is not run anew by that."""
    st.download_button(
        words,
        data=make,
        file_name=file_name,
        mime=content_type,
        icon=icon,
        type=look,
        key=key,
        on_click="ignore",
        help=hint,
    )
