"""A figure beside the same figure of the period before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from db.analytics.scope import Period

_T = TypeVar("_T")


@dataclass(frozen=True)
class Compared(Generic[_T]):
    """`before` is of as many days, just before (`Period.previous`)."""

    figure: _T
    before: _T


def compared(read: Callable[[Period], _T], period: Period) -> Compared[_T]:
    """`read` is any figure or series of one: `lambda days: volume.whole(store, scope, days)`.

    The series before has buckets of its own, and as many only where they are hours or days.
    """
    return Compared(read(period), read(period.previous()))
