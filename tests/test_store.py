"""Columns, engines and migrations: what goes in comes out, and writers do not lose each other's work."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import factories
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, event, inspect, literal, select, text
from sqlalchemy.exc import IntegrityError, OperationalError, StatementError

import partitioning
from db import migrate
from db.columns import FixedPoint, UTCDateTime, from_minor, to_minor
from db.engine import make_engine, reading, writing
from db.models import Base, ChargingSession, JobRun, OCPPLog, StationOwner, Tariff

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


# Columns


def _tariff(**columns: Any) -> Tariff:
    known = {"price_per_kwh": Decimal(1), "vat_percent": Decimal(15), "valid_from": NOON}
    return Tariff(name="T", currency="ETB", **known | columns)


def _through(engine: Engine, **columns: Any) -> Tariff:
    """A row as another process reads it."""
    with writing(engine) as store:
        store.add(_tariff(**columns))
    with reading(engine) as store:
        return store.scalars(select(Tariff)).one()


@pytest.mark.parametrize("hours", [-11, 0, 3, 5.5, 14])
def test_a_time_comes_back_as_the_same_instant_in_utc(engine: Engine, hours: float) -> None:
    local = NOON.astimezone(timezone(timedelta(hours=hours)))
    read = _through(engine, valid_from=local).valid_from
    assert (read, read.utcoffset()) == (NOON, timedelta())


def test_a_time_keeps_its_microseconds(engine: Engine) -> None:
    exact = NOON.replace(microsecond=123_456)
    assert _through(engine, valid_from=exact).valid_from == exact


def test_a_time_without_a_zone_is_refused(engine: Engine) -> None:
    with pytest.raises(StatementError, match="without a zone"):
        _through(engine, valid_from=datetime(2026, 1, 1))  # noqa: DTZ001


@given(st.integers(-(10**15), 10**15), st.integers(0, 6))
def test_a_fixed_point_number_is_its_integer_of_the_last_place(minor: int, places: int) -> None:
    assert to_minor(from_minor(minor, places), places) == minor


@pytest.mark.parametrize(
    ("value", "minor"),
    [("0.005", 1), ("0.004", 0), ("2.675", 268), ("-0.005", -1), ("1E+3", 100_000), ("1e-400", 0)],
)
def test_what_has_more_places_is_rounded_half_up(value: str, minor: int) -> None:
    assert to_minor(Decimal(value)) == minor


def test_an_amount_comes_back_as_an_exact_decimal(engine: Engine) -> None:
    read = _through(engine, price_per_kwh=Decimal("123456789.1234")).price_per_kwh
    assert (read, type(read)) == (Decimal("123456789.1234"), Decimal)


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), "much"])
def test_an_amount_that_is_no_number_is_refused(engine: Engine, value: object) -> None:
    with pytest.raises((StatementError, ArithmeticError, ValueError)):
        _through(engine, price_per_kwh=value)


def test_amounts_are_integers_in_the_store(engine: Engine) -> None:
    _through(engine, price_per_kwh=Decimal("9.5"))
    with reading(engine) as store:
        assert store.scalar(text("SELECT price_per_kwh FROM tariffs")) == 95_000


def test_nothing_is_nothing(engine: Engine) -> None:
    for column in (UTCDateTime(), FixedPoint(2)):
        assert column.process_bind_param(None, engine.dialect) is None
        with reading(engine) as store:
            assert store.scalar(select(literal(None, column))) is None


def test_a_transaction_id_of_64_bits_fits(engine: Engine) -> None:
    with writing(engine) as store:
        station = factories.add_station(store, factories.add_owner(store))
        factories.add_session(store, station, NOON, transaction_id=2**63 - 1)
    with reading(engine) as store:
        assert store.scalars(select(ChargingSession.transaction_id)).one() == 2**63 - 1


def test_a_text_comes_back_as_it_came(engine: Engine) -> None:
    name = "'; DROP TABLE users; -- <b>አዲስ አበባ</b> 🔌 \t\r\n ="
    with writing(engine) as store:
        factories.add_owner(store, name)
    with reading(engine) as store:
        assert store.scalars(select(StationOwner.name)).one() == name


# Engines


def test_what_was_written_is_there_for_others(engine: Engine) -> None:
    with writing(engine) as store:
        factories.add_owner(store)
    with reading(engine) as store:
        assert len(store.scalars(select(StationOwner)).all()) == 1


def test_what_raised_left_nothing(engine: Engine) -> None:
    with pytest.raises(RuntimeError), writing(engine) as store:
        factories.add_owner(store)
        raise RuntimeError
    with reading(engine) as store:
        assert store.scalars(select(StationOwner)).all() == []


def test_a_reader_changes_nothing(engine: Engine) -> None:
    with reading(engine) as store:
        factories.add_owner(store)
    with reading(engine) as store:
        assert store.scalars(select(StationOwner)).all() == []


def test_a_row_that_belongs_to_nothing_is_refused(engine: Engine) -> None:
    with pytest.raises(IntegrityError), writing(engine) as store:
        store.execute(
            text("INSERT INTO api_tokens (user_id, name, token_hash, created_at) VALUES (:u, '', 'h', :t)"),
            {"u": "00000000000000000000000000000000", "t": NOON.replace(tzinfo=None).isoformat(" ")},
        )


def test_four_writers_lose_nothing_of_each_other(sqlite: Engine) -> None:
    with writing(sqlite) as store:
        store.add(OCPPLog(action="0"))

    def count_up() -> None:
        for _ in range(25):
            with writing(sqlite) as store:
                row = store.scalars(select(OCPPLog)).one()
                row.action = str(int(row.action) + 1)

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(count_up) for _ in range(4)]:
            future.result()
    with reading(sqlite) as store:
        assert store.scalars(select(OCPPLog.action)).one() == "100"


def test_a_reader_does_not_wait_for_a_writer(sqlite: Engine) -> None:
    with writing(sqlite) as writer:
        factories.add_owner(writer)
        with reading(sqlite) as reader:
            assert reader.scalars(select(StationOwner)).all() == []


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[Engine]:
    """A store that waits for its lock a moment only."""
    engine = factories.make_store(tmp_path)

    def hurry(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA busy_timeout=50")

    event.listen(engine, "connect", hurry)
    engine.dispose()
    yield engine
    engine.dispose()


def test_a_store_that_is_locked_says_so_and_recovers(impatient: Engine) -> None:
    with writing(impatient) as holder:
        factories.add_owner(holder, "A")
        with pytest.raises(OperationalError, match="locked"), writing(impatient) as store:
            factories.add_owner(store, "B")
    with writing(impatient) as store:
        factories.add_owner(store, "B")


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 5000)],
)
def test_sqlite_is_durable_and_strict(tmp_path: Path, pragma: str, value: object) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/a/new/folder/store.db")
    with engine.connect() as connection:
        assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value
    engine.dispose()


def test_making_an_engine_connects_to_nothing() -> None:
    engine = make_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    assert engine.pool.status().startswith("Pool size: 10  Connections in pool: 0")


# Migrations


def test_the_migrations_make_what_the_models_say(engine: Engine) -> None:
    with engine.connect() as connection:
        parts = partitioning.all_parts(connection)
        whole = {"include_name": lambda name, kind, _: kind != "table" or name not in parts}
        other = () if engine.dialect.name == "postgresql" else ("ix_rollups_side_by_side",)
        here = {"include_object": lambda _, name, *__: name not in other}
        context = MigrationContext.configure(connection, opts={"compare_type": False} | whole | here)
        assert compare_metadata(context, Base.metadata) == []


def test_a_new_store_is_not_current_until_it_was_upgraded(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'store.db'}")
    before = migrate.is_current(engine)
    migrate.upgrade(engine)
    assert (before, migrate.is_current(engine)) == (False, True)
    engine.dispose()


def test_an_upgrade_of_a_current_store_changes_nothing(sqlite: Engine) -> None:
    with writing(sqlite) as store:
        factories.add_owner(store)
    migrate.upgrade(sqlite)
    with reading(sqlite) as store:
        assert len(store.scalars(select(StationOwner)).all()) == 1


def test_runs_that_an_earlier_version_left_running_are_lost_after_the_upgrade(engine: Engine) -> None:
    factories.downgrade(engine, "0001")
    with engine.execution_options(writes=True).begin() as store:
        for second in (1, 2):
            store.execute(
                text(
                    "INSERT INTO job_runs (job, slot, host, started_at, state, processed, failed) "
                    "VALUES ('sync', :at, 'h', :at, 'running', 0, 0)"
                ),
                {"at": f"2026-03-10 12:00:0{second}.000000"},
            )
    migrate.upgrade(engine)
    with reading(engine) as store:
        runs = store.scalars(select(JobRun)).all()
    assert [(run.state, run.attempt, run.trigger) for run in runs] == [("lost", 1, "schedule")] * 2


def test_an_upgrade_that_is_killed_in_the_middle_runs_again(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'store.db'}")

    def die(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "CREATE TABLE rollups" in statement:
            raise KeyboardInterrupt

    event.listen(engine, "before_cursor_execute", die)
    with pytest.raises(KeyboardInterrupt):
        migrate.upgrade(engine)
    event.remove(engine, "before_cursor_execute", die)
    left = inspect(engine).get_table_names()
    migrate.upgrade(engine)
    assert (left, migrate.is_current(engine)) == ([], True)
    engine.dispose()


def test_two_processes_that_upgrade_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    engines = [make_engine(f"sqlite:///{tmp_path / 'store.db'}") for _ in range(2)]
    for engine in engines:
        with engine.connect():
            pass
    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(migrate.upgrade, engine) for engine in engines]:
            future.result()
    assert migrate.is_current(engines[0])
    for engine in engines:
        engine.dispose()
