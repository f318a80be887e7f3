"""What a command is, and what most of them begin with."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import TypeVar

from sqlalchemy import Engine

from db.engine import make_engine
from settings import ConfigurationError, Settings

_Time = TypeVar("_Time", date, datetime)
# A command by its name: what runs it (its docstring is its help), and what adds its arguments.
Commands = Mapping[str, tuple[Callable[[Namespace], int | None], Callable[[ArgumentParser], None]]]


def engine_of(settings: Settings) -> Engine:
    """Raises `ConfigurationError` where this user cannot have the file or its folder."""
    try:
        return make_engine(settings.database_url)
    except OSError as error:
        raise ConfigurationError(
            f"The store that DATABASE_URL names cannot be opened by this user ({error.strerror}: "
            f"{error.filename}). Run this as the user that runs the processes."
        ) from error


def whole(least: int, most: int) -> Callable[[str], int]:
    """The type of an argument that is a whole number from `least` to `most`."""

    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise ArgumentTypeError(f"not a whole number: {text}") from None
        if not least <= value <= most:
            raise ArgumentTypeError(f"from {least} to {most}")
        return value

    return number


# What numbers rows, or transactions: as much as the store can count.
number = whole(1, 2**63 - 1)
connector = whole(1, 1_000)


def day(text: str) -> date:
    try:
        return _believed(date.fromisoformat(text))
    except ValueError:
        raise ArgumentTypeError("a day from 2000 on is written like 2026-03-31") from None


def moment(text: str) -> datetime:
    """Aware only where the text says an offset."""
    try:
        return _believed(datetime.fromisoformat(text))
    except ValueError:
        raise ArgumentTypeError("a time from 2000 on is written like 2026-03-31T22:00") from None


def _believed(time: _Time) -> _Time:
    # Beyond, clocks of other zones have no date; and nobody has sold a kWh there.
    if not 2000 <= time.year < 3000:
        raise ValueError
    return time


def nothing(_: ArgumentParser) -> None:
    """No arguments."""
