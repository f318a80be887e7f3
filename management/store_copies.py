"""Copying a whole store into a file and back: SQLite by its own means, PostgreSQL by its client programs."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

from sqlalchemy import URL, Connection, Engine, create_engine, func, inspect, make_url, select, table, text

Counts = dict[str, int]


class BackupError(Exception):
    """The backup or restore cannot be done; the message says why and what to do."""


class StoreCopy(Protocol):
    """One store that can be written into a file and read from it."""

    kind: str

    def exists(self) -> bool:
        """Whether there is a store at all."""

    def counts(self) -> Counts:
        """Rows by table; of no tables where there is no store."""

    def write(self, path: Path) -> Counts:
        """Copy the store, as it is at one moment, to `path`; returns its rows by table."""

    def check(self, path: Path) -> None:
        """Raise `BackupError` where the file at `path` is not sound."""

    def users(self) -> str:
        """Who uses the store now, as far as that can be told; empty where nobody does."""

    def put(self, path: Path, tables: Sequence[str]) -> str:
        """Replace the store, and at least `tables` of it, by the file at `path`; says what became of the
        store before.
        """


def store_copy(url: str, tables: Sequence[str]) -> StoreCopy:
    """The copier for the store at `url`, which has `tables`. Raises `BackupError` for other databases."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return SqliteCopy(Path(parsed.database or ""))
    if parsed.get_backend_name() == "postgresql":
        return PostgresqlCopy(parsed, tables)
    raise BackupError(f"A store on {parsed.get_backend_name()} cannot be backed up from here.")


class SqliteCopy:
    kind = "sqlite"

    def __init__(self, path: Path):
        self._path = path

    def exists(self) -> bool:
        return self._path.exists() and self._path.stat().st_size > 0

    def counts(self) -> Counts:
        return _sqlite_counts(self._path) if self.exists() else {}

    def write(self, path: Path) -> Counts:
        with closing(_opened(self._path)) as store:
            # A read of one moment: writers go on beside it.
            store.execute("VACUUM INTO ?", (str(path),))
        return _sqlite_counts(path)

    def check(self, path: Path) -> None:
        try:
            with closing(_opened(path)) as store:
                told = [row[0] for row in store.execute("PRAGMA integrity_check")]
        except sqlite3.DatabaseError as error:
            raise BackupError(f"{path.name} is no sound SQLite file: {error}") from error
        if told != ["ok"]:
            raise BackupError(f"{path.name} is damaged: {'; '.join(told[:3])}")

    def users(self) -> str:
        if not self.exists():
            return ""
        with closing(_opened(self._path)) as store:
            # Every connection that is open holds a shared lock, also while it does nothing.
            store.execute("PRAGMA locking_mode=EXCLUSIVE")
            try:
                store.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError:
                return "another process has it open"
            store.execute("ROLLBACK")
        return ""

    def put(self, path: Path, tables: Sequence[str]) -> str:  # noqa: ARG002 - a file is replaced as a whole
        self._path.parent.mkdir(parents=True, exist_ok=True)
        before = self._path.with_name(self._path.name + ".before-restore")
        had = self.exists()
        if had:
            with closing(_opened(self._path)) as store:
                store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._path.chmod(0o600)
            self._path.replace(before)
        for suffix in ("-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        # The archive may be on another disk, from which a file cannot be moved in one step.
        near = self._path.with_name(self._path.name + ".restoring")
        near.unlink(missing_ok=True)
        near.touch(mode=0o600)
        shutil.copyfile(path, near)
        near.replace(self._path)
        return f"what was there before is in {before}" if had else "there was none before"


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=rw", uri=True, isolation_level=None, timeout=1)


def _sqlite_counts(path: Path) -> Counts:
    with closing(_opened(path)) as store:
        named = (
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        )
        names = [row[0] for row in store.execute(named)]
        quoted = {name: '"' + name.replace('"', '""') + '"' for name in names}
        return {
            name: store.execute(f"SELECT count(*) FROM {quoted[name]}").fetchone()[0]  # noqa: S608
            for name in names
        }


class PostgresqlCopy:
    kind = "postgresql"

    def __init__(self, url: URL, tables: Sequence[str]):
        self._url = url
        self._tables = tables

    def exists(self) -> bool:
        engine = self._engine()
        try:
            # What else the database holds is none of ours, and a dump of no tables is one of them all.
            return not {*inspect(engine).get_table_names()}.isdisjoint(self._tables)
        finally:
            engine.dispose()

    def counts(self) -> Counts:
        engine = self._engine()
        try:
            with engine.connect() as store:
                return self._counts(store)
        finally:
            engine.dispose()

    def write(self, path: Path) -> Counts:
        engine = self._engine()
        try:
            with engine.connect().execution_options(isolation_level="REPEATABLE READ") as store:
                # The program looks at the same moment as the count does.
                moment = store.execute(text("SELECT pg_export_snapshot()")).scalar_one()
                counts = self._counts(store)
                wanted = [f"--table={name}" for name in (*counts, *_partitions(store, list(counts)))]
                dump = path.with_suffix(".tables.sql")
                _run(
                    ["pg_dump", "--no-owner", f"--snapshot={moment}", f"--file={dump}", *wanted],
                    self._environment(),
                )
                # What is dumped by its tables comes without the functions that their triggers call.
                path.write_text(_functions(store, list(counts)))
                with dump.open("rb") as tables, path.open("ab") as whole:
                    shutil.copyfileobj(tables, whole)
                dump.unlink()
        finally:
            engine.dispose()
        return counts

    def check(self, path: Path) -> None:
        # The end is where a file is cut short.
        if _is_of_an_older_version(path):
            _run(["pg_restore", f"--file={os.devnull}", str(path)], self._environment())
        elif _COMPLETE not in _end_of(path):
            raise BackupError(f"{path.name} is not complete")

    def users(self) -> str:
        others = text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        engine = self._engine()
        try:
            with engine.connect() as store:
                count = store.execute(others).scalar_one()
        finally:
            engine.dispose()
        return f"{count} other connections are open to it" if count else ""

    def put(self, path: Path, tables: Sequence[str]) -> str:
        script = path
        if _is_of_an_older_version(path):
            script = path.with_suffix(".sql")
            _run(["pg_restore", "--no-owner", f"--file={script}", str(path)], self._environment())
        gone = path.with_suffix(".drop.sql")
        names = sorted({*tables, *self._tables})
        gone.write_text("".join(f'DROP TABLE IF EXISTS "{name}" CASCADE;\n' for name in names))
        # Both in one transaction: what was there before is there still if anything fails.
        options = [
            "--quiet",
            "--no-psqlrc",
            "--single-transaction",
            "--set=ON_ERROR_STOP=1",
            "--output=/dev/null",
        ]
        _run(["psql", *options, f"--file={gone}", f"--file={script}"], self._environment())
        return "what was there before is gone"

    def _counts(self, store: Connection) -> Counts:
        known = sorted(set(inspect(store).get_table_names()) & {*self._tables, "alembic_version"})
        return {
            name: store.execute(select(func.count()).select_from(table(name))).scalar_one() for name in known
        }

    def _engine(self) -> Engine:
        return create_engine(self._url)

    def _environment(self) -> dict[str, str]:
        """Where the programs connect to: never as arguments, which everybody on the machine sees."""
        told = {
            "PGHOST": self._url.query.get("host") or self._url.host,
            "PGPORT": self._url.port,
            "PGUSER": self._url.username,
            "PGPASSWORD": self._url.password,
            "PGDATABASE": self._url.database,
        }
        return os.environ | {name: str(value) for name, value in told.items() if value}


# pg_dump's last words, and how its own format begins, which archives had before.
_COMPLETE, _OWN_FORMAT = b"PostgreSQL database dump complete", b"PGDMP"


def _is_of_an_older_version(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_OWN_FORMAT)) == _OWN_FORMAT


def _end_of(path: Path, size: int = 4096) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - size))
        return file.read()


def _functions(store: Connection, tables: list[str]) -> str:
    """Statements that make the functions of these tables' triggers, or make them anew."""
    found = text(
        "SELECT DISTINCT pg_get_functiondef(tgfoid) FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
        "WHERE NOT tgisinternal AND relname = ANY(:tables)"
    )
    return "".join(f"{each};\n" for each in store.execute(found, {"tables": tables}).scalars())


def _partitions(store: Connection, tables: list[str]) -> list[str]:
    children = text(
        "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid "
        "JOIN pg_class parent ON parent.oid = inhparent WHERE parent.relname = ANY(:tables) "
        "AND child.relkind IN ('r', 'p')"
    )
    return list(store.execute(children, {"tables": tables}).scalars())


def _run(command: Sequence[str], environment: dict[str, str]) -> None:
    if (program := shutil.which(command[0], path=environment.get("PATH"))) is None:
        raise BackupError(
            f"{command[0]} is needed for a store on PostgreSQL, and is not installed. On Debian and Ubuntu: "
            "apt-get install postgresql-client (not older than the server)."
        )
    done = subprocess.run(  # noqa: S603 - one of PostgreSQL's own programs
        [program, *command[1:]], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        mend = (
            "\nInstall postgresql-client of the server's version."
            if "version mismatch" in done.stderr
            else ""
        )
        raise BackupError(f"{command[0]} failed: {done.stderr.strip() or done.returncode}{mend}")
