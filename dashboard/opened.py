"""What of a page's list is open in a dialog, from one run to the next."""

from __future__ import annotations

from typing import Generic, TypeVar

import streamlit as st

T = TypeVar("T")


class Opened(Generic[T]):
    """One for each page, under a name of its own."""

    def __init__(self, name: str):
        self._key = f"opened-{name}"

    def open(self, found: T) -> None:
        """For the run after this one, which begins at once."""
        st.session_state[self._key] = found
        st.rerun()

    def get(self) -> T | None:
        found: T | None = st.session_state.get(self._key)
        return found

    def forget(self) -> None:
        st.session_state.pop(self._key, None)
