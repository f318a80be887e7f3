"""What several things are called where one is chosen by its name alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

K = TypeVar("K")


def told_apart(names: Mapping[K, str], ids: Mapping[K, str]) -> dict[K, str]:
    """The names, with its id behind each that another has as well."""
    often = Counter(names.values())
    return {key: name if often[name] == 1 else f"{name} ({ids.get(key, key)})" for key, name in names.items()}
