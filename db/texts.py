"""Texts that people type or paste, as every store takes them.

PostgreSQL takes NUL in no text, and no store takes half of a surrogate pair, which is what a byte that is not
UTF-8 becomes at the command line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class TextRefused(ValueError):
    """A text has characters that cannot be stored; the message says so."""


def check(values: Iterable[object]) -> None:
    """Raises `TextRefused` where a value is a text that cannot be stored; others may be anything."""
    for value in values:
        if isinstance(value, str) and not is_storable(value):
            raise TextRefused(
                "what was typed has characters that cannot be stored (NUL, or not UTF-8): type it anew"
            )


def is_storable(text: str) -> bool:
    return _UNSTORABLE.search(text) is None


def storable(text: str) -> str:
    """The text without what cannot be stored."""
    return _UNSTORABLE.sub("", text)
