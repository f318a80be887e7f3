"""Schema migrations, run by Alembic from `db/migrations`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, func, select

# What upgrades hold while they run: the letters of our name, as PostgreSQL wants a number.
_UPGRADE = int.from_bytes(b"mengedma")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the store to this version's schema, all or nothing. Does nothing where it is there already."""
    config = _config()
    with engine.execution_options(writes=True).begin() as connection:
        if engine.dialect.name == "postgresql":
            # Of several hosts that begin at once one upgrades; SQLite's writers take turns by themselves.
            connection.execute(select(func.pg_advisory_xact_lock(_UPGRADE)))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


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
