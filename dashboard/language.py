"""In which language the pages speak: the one that the user chose, else the browser's.

It is kept in the session's state on each run of the whole script, where live panels, which run by themselves
and in threads of their own, find it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

import languages
from dashboard.gate.languages import remembered
from dashboard.visitor import Visitor, choose_language
from languages import LANGUAGES, _

_P = ParamSpec("_P")
_T = TypeVar("_T")

_KEPT = "language"
_KEY = "language-choice"


def keep(who: Visitor) -> None:
    """From now on the pages of this session speak the visitor's language."""
    st.session_state[_KEPT] = who.user.language if who.user.language in LANGUAGES else _of_browser()


def spoken(draw: Callable[_P, _T]) -> Callable[_P, _T]:
    """For a page or a fragment of many texts: the session is asked for its language once, and not by each."""

    @wraps(draw)
    def speaking(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        with languages.speaking(languages.current()):
            return draw(*args, **kwargs)

    return speaking


def choose() -> None:
    """For the sidebar."""
    st.session_state[_KEY] = languages.current()
    st.segmented_control(
        _("Language"),
        list(LANGUAGES),
        required=True,
        format_func=LANGUAGES.__getitem__,
        key=_KEY,
        label_visibility="collapsed",
        wrap=True,
        on_change=_chosen,
    )


def _chosen() -> None:
    chosen = st.session_state.get(_KEY)
    if chosen is not None and chosen in LANGUAGES:
        choose_language(chosen)


def _of_browser() -> str:
    return remembered(st.context.cookies, st.context.headers)


def _of_session() -> str | None:
    context = get_script_run_ctx(suppress_warning=True)
    if context is None:
        return None
    try:
        return str(context.session_state[_KEPT])
    except KeyError:
        return None


languages.ask(_of_session)
