"""What a command is, and what most of them begin with."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping

from sqlalchemy import Engine

from db.engine import make_engine
from settings import Settings

# A command by its name: what runs it (its docstring is its help), and what adds its arguments.
Commands = Mapping[str, tuple[Callable[[Namespace], int | None], Callable[[ArgumentParser], None]]]


def engine_of(settings: Settings) -> Engine:
    return make_engine(settings.database_url)


def nothing(_: ArgumentParser) -> None:
    """No arguments."""
