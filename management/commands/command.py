"""What a command is, and what most of them begin with."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping

from sqlalchemy import Engine

from db.engine import make_engine
from settings import Settings

# A command by its name: what runs it (its docstring is its help), and what adds its arguments.
Commands = Mapping[str, tuple[Callable[[Namespace], int | None], Callable[[ArgumentParser], None]]]


def engine_of(settings: Settings) -> Engine:
    return make_engine(settings.database_url)


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


def nothing(_: ArgumentParser) -> None:
    """No arguments."""
