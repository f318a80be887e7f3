"""Tables of PostgreSQL in one part for each month: a month that is too old is dropped, not deleted by row.

What lies in no month's part is in the default part, so that nothing is ever refused. SQLite has no parts:
there every function leaves the table as it is. All of them run in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, text

MONTHS_AHEAD = 3
# Times before are those of clocks that were never set. They stay in the default part: a part for each
# would make every query slower.
_MONTHS_BACK = 120
# Whoever waits for a table makes all that come later wait too, so nobody waits for long.
_LOCK_WITHIN = "3s"

Month = tuple[int, int]


@dataclass(frozen=True)
class Monthly:
    """A table that is kept in months of UTC by `column`. `refers_to` are the targets of its foreign keys.

    Names are of our own tables, never of anybody's input.
    """

    table: str
    column: str
    refers_to: tuple[str, ...] = ()

    @property
    def default(self) -> str:
        return f"{self.table}_default"

    def part(self, month: Month) -> str:
        return f"{self.table}_{month[0]:04}_{month[1]:02}"


def convert(db: Connection, monthly: Monthly, now: datetime) -> None:
    """Bring a plain table into months, with its rows, keys and indexes; its ids stay as they are.

    Copies the rows, so that each is in its month from the start; until the commit the disk holds them twice.
    """
    if db.dialect.name != "postgresql" or is_partitioned(db, monthly):
        return
    table, column, plain = monthly.table, monthly.column, f"{monthly.table}_plain"
    primary_key, foreign_keys = _constraints(db, table, "p"), _constraints(db, table, "f")
    indexes = _indexes(db, table)
    _run(db, f"ALTER TABLE {table} RENAME TO {plain}")
    _run(db, f'CREATE TABLE {table} (LIKE {plain} INCLUDING DEFAULTS) PARTITION BY RANGE ("{column}")')
    # It would be dropped with the column that owns it.
    sequence = db.scalar(text("SELECT pg_get_serial_sequence(:table, 'id')"), {"table": plain})
    _run(db, f"ALTER SEQUENCE {sequence} OWNED BY {table}.id")
    _run(db, f"CREATE TABLE {monthly.default} PARTITION OF {table} DEFAULT")
    for month in sorted(_ahead(now) | _months_in(db, monthly, plain, now)):
        _attach(db, monthly, month)
    _run(db, f"INSERT INTO {table} SELECT * FROM {plain}")  # noqa: S608
    _run(db, f"DROP TABLE {plain}")
    for name, _ in primary_key:
        _run(db, f'ALTER TABLE {table} ADD CONSTRAINT {name} PRIMARY KEY (id, "{column}")')
    for name, definition in foreign_keys:
        _run(db, f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
    for definition in indexes:
        _run(db, definition)
    _run(db, f"ANALYZE {table}")


def ensure(db: Connection, monthly: Monthly, now: datetime) -> list[str]:
    """Make the parts of this month, the next three, and those whose rows had to go to the default part.

    Such rows are moved. Returns the new parts' names.
    """
    if not _is_our_turn(db, monthly):
        return []
    wanted = _ahead(now) | _months_in(db, monthly, monthly.default, now)
    return _make(db, monthly, wanted)


def ensure_between(
    db: Connection, monthly: Monthly, first: datetime, last: datetime, now: datetime
) -> list[str]:
    """Make the parts for rows from `first` to `last`, both included, that are about to come."""
    if not _is_our_turn(db, monthly):
        return []
    first, last = max(first, _earliest(now)), min(last, _latest(now))
    return _make(db, monthly, set(_range(first, last)))


def drop_before(
    db: Connection,
    monthly: Monthly,
    before: datetime,
    *,
    is_needed: Callable[[str], bool] = lambda _part: False,
) -> list[str]:
    """Drop all months that ended by `before`, but those whose part `is_needed`; the parts' names."""
    if not _is_our_turn(db, monthly):
        return []
    old = (monthly.part(month) for month in sorted(_parts(db, monthly)) if month < _month(before))
    if gone := [part for part in old if not is_needed(part)]:
        _lock(db, "ACCESS EXCLUSIVE", *monthly.refers_to, f"ONLY {monthly.table}")
        _run(db, f"DROP TABLE {', '.join(gone)}")
    return gone


def clear_default_before(db: Connection, monthly: Monthly, before: datetime) -> None:
    """Delete what the default part has of all months that ended by `before`.

    Only where `column` is of our own clock: that of a charge point may never have been set.
    """
    if not _is_our_turn(db, monthly):
        return
    db.execute(
        text(f'DELETE FROM {monthly.default} WHERE "{monthly.column}" < :start'),  # noqa: S608
        {"start": _start(_month(before))},
    )


def is_partitioned(db: Connection, monthly: Monthly) -> bool:
    if db.dialect.name != "postgresql":
        return False
    kind = "SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass(:table)"
    return bool(db.scalar(text(kind), {"table": monthly.table}))


def all_parts(db: Connection) -> set[str]:
    """The names of all tables that are parts of others, which a comparison with the models leaves out."""
    if db.dialect.name != "postgresql":
        return set()
    return set(db.scalars(text("SELECT relname FROM pg_class WHERE relispartition")))


def _is_our_turn(db: Connection, monthly: Monthly) -> bool:
    """False where there are no parts. Hosts that do the upkeep at once wait here for each other."""
    if not is_partitioned(db, monthly):
        return False
    db.execute(text("SELECT pg_advisory_xact_lock(hashtext(:table))"), {"table": monthly.table})
    return True


def _make(db: Connection, monthly: Monthly, wanted: set[Month]) -> list[str]:
    missing = sorted(wanted - _parts(db, monthly))
    if missing:
        # In the order in which a writer comes to them, or two would wait for each other.
        _lock(db, "SHARE ROW EXCLUSIVE", *monthly.refers_to, f"ONLY {monthly.table}")
        _lock(db, "ACCESS EXCLUSIVE", monthly.default)
    for month in missing:
        _attach(db, monthly, month)
    return [monthly.part(month) for month in missing]


def _attach(db: Connection, monthly: Monthly, month: Month) -> None:
    """Add the part of a month, with the rows of it that the default part holds."""
    part, column = monthly.part(month), monthly.column
    start, end = (f"'{_start(each).isoformat()}'" for each in (month, _following(month)))
    _run(db, f"CREATE TABLE {part} (LIKE {monthly.table} INCLUDING DEFAULTS)")
    _run(
        db,
        f'WITH moved AS (DELETE FROM {monthly.default} WHERE "{column}" >= {start} AND "{column}" < {end} '  # noqa: S608
        f"RETURNING *) INSERT INTO {part} SELECT * FROM moved",
    )
    _run(db, f"ALTER TABLE {monthly.table} ATTACH PARTITION {part} FOR VALUES FROM ({start}) TO ({end})")


def _lock(db: Connection, mode: str, *tables: str) -> None:
    _run(db, f"SET LOCAL lock_timeout = '{_LOCK_WITHIN}'")
    for table in tables:
        _run(db, f"LOCK TABLE {table} IN {mode} MODE")


def _parts(db: Connection, monthly: Monthly) -> set[Month]:
    children = (
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = to_regclass(:table)"
    )
    names = set(db.scalars(text(children), {"table": monthly.table})) - {monthly.default}
    return {(int(name[-7:-3]), int(name[-2:])) for name in names}


def _months_in(db: Connection, monthly: Monthly, table: str, now: datetime) -> set[Month]:
    """The months of which a table has rows, as far as they get a part of their own."""
    found = db.execute(
        text(
            f"SELECT DISTINCT date_trunc('month', \"{monthly.column}\" AT TIME ZONE 'UTC') FROM {table} "  # noqa: S608
            f'WHERE "{monthly.column}" >= :first AND "{monthly.column}" < :last'
        ),
        {"first": _earliest(now), "last": _latest(now)},
    )
    return {(month.year, month.month) for (month,) in found}


def _constraints(db: Connection, table: str, kind: str) -> list[tuple[str, str]]:
    query = (
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
        'WHERE conrelid = to_regclass(:table) AND contype = CAST(:kind AS "char")'
    )
    found = db.execute(text(query), {"table": table, "kind": kind})
    return [(name, definition) for name, definition in found]


def _indexes(db: Connection, table: str) -> list[str]:
    query = (
        "SELECT pg_get_indexdef(indexrelid) FROM pg_index "
        "WHERE indrelid = to_regclass(:table) AND NOT indisprimary"
    )
    return list(db.scalars(text(query), {"table": table}))


def _ahead(now: datetime) -> set[Month]:
    month = _month(now)
    return {_shifted(month, number) for number in range(MONTHS_AHEAD + 1)}


def _earliest(now: datetime) -> datetime:
    return _start(_shifted(_month(now), -_MONTHS_BACK))


def _latest(now: datetime) -> datetime:
    return _start(_shifted(_month(now), MONTHS_AHEAD + 1))


def _range(first: datetime, last: datetime) -> Iterator[Month]:
    month = _month(first)
    while _start(month) <= last:
        yield month
        month = _following(month)


def _month(at: datetime) -> Month:
    utc = at.astimezone(UTC)
    return utc.year, utc.month


def _following(month: Month) -> Month:
    return _shifted(month, 1)


def _shifted(month: Month, by: int) -> Month:
    years, months = divmod(month[0] * 12 + month[1] - 1 + by, 12)
    return years, months + 1


def _start(month: Month) -> datetime:
    return datetime(*month, 1, tzinfo=UTC)


def _run(db: Connection, statement: str) -> None:
    db.exec_driver_sql(statement)
