"""The buttons beside a table that give it as a file."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dashboard import loading, markup
from db.analytics.scope import Period, Scope
from ocpp_integration.exports.catalogue import EXPORTS
from ocpp_integration.exports.files import FORMATS

_FORMATS = {"csv": "CSV", "xlsx": "Excel"}


def title(text: str, caption: str, export: str, scope: Scope, period: Period) -> None:
    """A card's title, with the buttons for what it lists."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.html(markup.card_title(text, caption), width="content")
        buttons(text, export, scope, period)


def buttons(title: str, export: str, scope: Scope, period: Period) -> None:
    """`title` is what the files hold, `export` its name in the catalogue.

    Nothing is made until it is asked for.
    """
    with st.container(horizontal=True, width="content", gap="small", key=f"files-{export}"):
        for ending, words in _FORMATS.items():
            st.download_button(
                markup.about(words, title),
                data=partial(loading.file, export, ending, scope, period),
                file_name=EXPORTS[export].file_name(ending, period),
                mime=FORMATS[ending].content_type,
                icon=":material/download:",
                type="tertiary",
                key=f"{ending}-{export}",
                on_click="ignore",
            )
