"""Schema migrations, run by Alembic from `db/migrations`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, func, select

_PATIENCE_MS = 10 * 60 * 1000
# What upgrades hold while they run: the letters of our name, as PostgreSQL wants a number.
_UPGRADE = int.from_bytes(b"mengedma")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the store to this version's schema, all or nothing. Does nothing where it is there already."""
    config = _config()
    with _alone(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """A transaction for an upgrade: of several hosts that begin at once one upgrades, and the others wait."""
    options = engine.execution_options(writes=True)
    with options.connect() as connection, _patient(connection), connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_UPGRADE)))
        yield connection


@contextmanager
def _patient(connection: Connection) -> Iterator[None]:
    """SQLite's writers take turns by themselves, but do not wait as long as an upgrade may take."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    (before,) = driver.execute("PRAGMA busy_timeout").fetchone()
    driver.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}")
    try:
        yield
    finally:
        # Where it was broken off, the connection may be closed by now, and nobody gets it again.
        if not connection.closed and not connection.invalidated:
            driver.execute(f"PRAGMA busy_timeout = {before}")


def is_current(engine: Engine) -> bool:
    """Whether the store has this version's schema."""
    return revision(engine) == head()


def revision(engine: Engine) -> str | None:
    """The revision of the store's schema, None where it has none."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def knows(revision: str) -> bool:
    """Whether this version can bring a store of that revision up to date."""
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    return revision in known


@cache
def head() -> str | None:
    return ScriptDirectory.from_config(_config()).get_current_head()
