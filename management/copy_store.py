"""`manage.py copy-store FROM TO`: a store as it is now, in another database, all of it or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Never

from sqlalchemy import Connection, Engine, MetaData, Table, func, inspect, make_url, select
from sqlalchemy.exc import ArgumentError
from tqdm import tqdm

import partitioning
from db import migrate
from db.engine import make_engine
from db.models import Base, PackedColumn, utc_now
from db.partitions import METER_VALUES
from management import copying
from management.copying import Content
from ocpp_backend import tables
from ocpp_backend.engine import create_schema
from ocpp_backend.frame_months import FRAMES

# Of the numbers compared, those that are told.
_TOLD = ("energy_wh", "cost", "revenue_minor", "value")
_MONTHLY = {monthly.table: monthly for monthly in (METER_VALUES, FRAMES)}


class CopyRefused(Exception):
    """The store cannot be copied so; the message says why and what to do."""


@dataclass(frozen=True)
class Kind:
    """A kind of store, known by the table `sign`: that of the product, or that of the OCPP backend.

    `made_anew` are tables that are left out, since jobs make them of the others.
    """

    name: str
    sign: str
    metadata: MetaData
    prepare: Callable[[Engine], None]
    mend: str
    made_anew: frozenset[str] = frozenset()

    @property
    def tables(self) -> list[Table]:
        """Those that are copied, each after what it refers to."""
        return [table for table in self.metadata.sorted_tables if table.name not in self.made_anew]


KINDS = (
    Kind(
        "the product's store",
        sign="charging_sessions",
        metadata=Base.metadata,
        prepare=migrate.upgrade,
        mend="run `manage.py migrate` on it",
        # Who charged stands in them as a number, made of what the kind of database writes an id as.
        made_anew=frozenset({PackedColumn.__tablename__}),
    ),
    Kind(
        "the OCPP backend's store",
        sign="transactions",
        metadata=tables.metadata,
        prepare=lambda engine: create_schema(engine, utc_now()),
        mend="start this version's backend on it once",
    ),
)


@dataclass(frozen=True)
class Copied:
    """One table on both sides."""

    table: str
    source: Content
    target: Content

    @property
    def differences(self) -> list[str]:
        return self.source.differences(self.target)


_URLS = "a URL is needed: sqlite:///FILE or postgresql+psycopg://..."


def run(source_url: str, target_url: str) -> bool:
    """Copy every store that is at `source_url` and print what both sides have; whether it is the same.

    Where it is not, or anything was raised, the target stays empty. Raises `CopyRefused`.
    """
    with _opened(source_url, must_exist=True) as source, _opened(target_url) as target:
        kinds = [kind for kind in KINDS if inspect(source).has_table(kind.sign)]
        if not kinds:
            raise CopyRefused(f"{source.url!r} holds no store: it has none of our tables")
        for kind in kinds:
            _check_source(kind, source)
        for kind in kinds:
            kind.prepare(target)
        # One transaction for all kinds: a database that holds both is copied whole or not at all.
        with copying.snapshot(source) as old, target.execution_options(writes=True).connect() as new:
            _check_target(kinds, new)
            differing = [kind for kind in kinds if not _copy_and_tell(kind, old, new)]
            if not differing:
                new.commit()
            else:
                print("Nothing was kept at the target.")
    return not differing


def describe(kind: Kind, found: list[Copied]) -> list[str]:
    """A line for each table, then one for each difference."""
    width = max(len(each.table) for each in found)
    lines = [f"{kind.name[0].upper()}{kind.name[1:]}:"]
    for each in found:
        sums = "  ".join(f"{name} {each.target.sums[name]:,}" for name in _TOLD if name in each.target.sums)
        same = "DIFFERS" if each.differences else "same"
        lines.append(f"  {each.table:<{width}}  {each.target.rows:>12,} rows  {same:<7}  {sums}".rstrip())
    lines += [f"{each.table}: {difference}" for each in found for difference in each.differences]
    return lines


def _check_target(kinds: list[Kind], new: Connection) -> None:
    for kind in kinds:
        if name := copying.first_with_rows(new, kind.metadata):
            raise CopyRefused(f"the table {name} at the target has rows already; an empty database is needed")


def _copy_and_tell(kind: Kind, old: Connection, new: Connection) -> bool:
    """Copy all tables of a kind and print what both sides have; whether it is the same."""
    found = _copy(kind, old, new)
    print("\n".join(describe(kind, found)))
    return not any(each.differences for each in found)


def _copy(kind: Kind, old: Connection, new: Connection) -> list[Copied]:
    all_tables = kind.tables
    # Each row is copied, and then read there again.
    total = 2 * sum(copying.count(old, table) for table in all_tables)
    with tqdm(total=total, desc=kind.name, unit="row", unit_scale=True, leave=False, delay=0.5) as bar:
        had = [_copy_table(old, new, table, bar) for table in all_tables]
        copying.number_on(new, kind.metadata)
        has = [copying.content(new, table, bar.update) for table in all_tables]
    return [Copied(table.name, *both) for table, *both in zip(all_tables, had, has, strict=True)]


def _copy_table(old: Connection, new: Connection, table: Table, bar: tqdm[Never]) -> Content:
    if monthly := _MONTHLY.get(table.name):
        time = table.c[monthly.column]
        first, last = old.execute(select(func.min(time), func.max(time))).one()
        if first is not None:
            partitioning.ensure_between(new, monthly, first, last, utc_now())
    return copying.copy(old, new, table, bar.update)


def _check_source(kind: Kind, source: Engine) -> None:
    known = inspect(source)
    for table in kind.metadata.sorted_tables:
        columns = known.get_columns(table.name) if known.has_table(table.name) else []
        if {column.name for column in table.columns} - {column["name"] for column in columns}:
            raise CopyRefused(f"{kind.name} has not this version's schema ({table.name}): {kind.mend}")


@contextmanager
def _opened(url: str, *, must_exist: bool = False) -> Iterator[Engine]:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise CopyRefused(_URLS) from error
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise CopyRefused(_URLS)
    on_sqlite = parsed.get_backend_name() == "sqlite"
    if must_exist and on_sqlite and not Path(parsed.database or "").is_file():
        raise CopyRefused(f"there is no file {parsed.database}")
    engine = make_engine(parsed.render_as_string(hide_password=False))
    try:
        yield engine
    finally:
        engine.dispose()
