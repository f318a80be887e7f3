"""Streamlit's scripts that a page will want, for its document to have the browser load them at once.

Otherwise a browser asks for each when the first element that it draws has come: for Plotly's, the largest,
after all others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import streamlit

SCRIPTS = Path(streamlit.__file__).parent / "static" / "static" / "js"
# Imports stand at the head of a script; the largest has megabytes of others.
_HEAD = 16_384
_IMPORTED = re.compile(r'(?:from|import)"\./([\w.-]+\.js)"')
# What these draw is named as the scripts are.
_EVERY_PAGE = ("Html", "Button", "ButtonGroup", "Selectbox", "PageLink")
_OF_PAGES = {
    "": ("PlotlyChart",),
    "revenue": ("PlotlyChart", "DownloadButton"),
    "availability": ("PlotlyChart", "DownloadButton", "DataFrame"),
}
# A period of days that the address names has its own choice of them.
_OF_DATES = ("DateInput",)


def elements(path: str, *, has_dates: bool) -> tuple[str, ...]:
    """What a page draws before anything is chosen on it."""
    return _EVERY_PAGE + (_OF_DATES if has_dates else ()) + _OF_PAGES.get(path, ())


@cache
def scripts(drawn: tuple[str, ...]) -> list[str]:
    """The file names of the scripts that draw these elements, and of what they import.

    An element that this version of Streamlit draws with a script of another name has none.
    """
    found: dict[str, None] = {}
    waiting = [file.name for element in drawn for file in SCRIPTS.glob(f"{element}.????????.js")]
    for name in waiting:
        if name not in found:
            found[name] = None
            waiting += _imports(name)
    return list(found)


@cache
def _imports(name: str) -> Iterable[str]:
    with (SCRIPTS / name).open(encoding="utf-8") as script:
        return _IMPORTED.findall(script.read(_HEAD))
