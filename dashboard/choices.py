"""Choices that the address of a page names, by their keys: it leads to the same in every language.

Streamlit binds a widget to the address itself (`bind="query-params"`), which suits what is typed; of what is
chosen it writes the label as it is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import streamlit as st


def one(
    widget: Callable[..., Any], label: str, options: Collection[str], *, key: str, default: str, **how: Any
) -> str:
    """What is chosen of `options` by a select box or a segmented control, `default` where nothing is."""
    asked = _asked(key, lasting=how.get("persist_state") == "session")
    kept = st.session_state.get(key) if asked is None else next(iter(asked), default)
    st.session_state[key] = kept if isinstance(kept, str) and kept in options else default
    found = widget(label, list(options), key=key, on_change=_touch, args=(key,), **how)
    chosen: str = found if found in options else default
    _write(key, [chosen] if chosen != default else [])
    return chosen


def several(
    widget: Callable[..., Any], label: str, options: Collection[str], *, key: str, **how: Any
) -> list[str]:
    """The same for pills and for a select box of which several are chosen, or none."""
    asked = _asked(key, lasting=how.get("persist_state") == "session")
    kept = st.session_state.get(key) if asked is None else asked
    st.session_state[key] = [each for each in kept if each in options] if isinstance(kept, list) else []
    found = widget(label, list(options), key=key, on_change=_touch, args=(key,), **how)
    _write(key, list(found))
    return list(found)


def _asked(key: str, *, lasting: bool) -> list[str] | None:
    """What the address asks for, unless that is what was written there, or something was chosen since.

    An address that names nothing (any more) asks for the default, but of a choice that lasts for the session.
    """
    is_touched = st.session_state.pop(f"{key} touched", False)
    asked = st.query_params.get_all(key)
    if is_touched or (key in st.session_state and asked == st.session_state.get(f"{key} written")):
        return None
    return None if lasting and not asked else asked


def _touch(key: str) -> None:
    st.session_state[f"{key} touched"] = True


def _write(key: str, chosen: list[str]) -> None:
    st.session_state[f"{key} written"] = chosen
    if st.query_params.get_all(key) == chosen:
        return
    if chosen:
        st.query_params[key] = chosen
    else:
        st.query_params.pop(key, None)
