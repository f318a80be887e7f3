"""From the first released schema to this one, with rows in every table."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import factories
import pytest
from filling import ROWS, everything, fill
from sqlalchemy import Engine, MetaData, event, func, inspect, select, text

import partitioning
from db import migrate, rollups
from db.engine import make_engine, reading, writing
from db.models import Base, Payment, PaymentMovement, Rollup, SessionMeterValue, utc_now

FIRST = "0001"
# The last that has payments as they were first kept.
PAYMENTS = "0022"


@pytest.fixture
def first(blank: Engine) -> Engine:
    """A store with the first schema and rows in every table, on each kind of database."""
    return _filled(blank)


def _filled(engine: Engine, revision: str = FIRST) -> Engine:
    migrate.upgrade(engine, revision)
    schema = _schema(engine)
    with engine.execution_options(writes=True).begin() as db:
        fill(db, schema)
        if engine.dialect.name == "postgresql":
            for table in schema.sorted_tables:
                _advance(db, table.name)
    return engine


def _schema(engine: Engine) -> MetaData:
    """The tables as they are, except for Alembic's own and the parts of others."""
    with engine.connect() as db:
        left_out = {"alembic_version", *partitioning.all_parts(db)}
    schema = MetaData()
    schema.reflect(engine, only=lambda name, _: name not in left_out)
    return schema


def _advance(db: Any, table: str) -> None:
    sequence = db.scalar(
        text(
            "SELECT pg_get_serial_sequence(table_name, column_name) FROM information_schema.columns "
            "WHERE table_name = :table AND column_name = 'id' AND column_default LIKE 'nextval%'"
        ),
        {"table": table},
    )
    if sequence:
        db.execute(select(func.setval(sequence, ROWS)))


def _rows(engine: Engine, schema: MetaData) -> dict[str, set[str]]:
    """All rows but the sums, which are made anew from the others."""
    with engine.connect() as db:
        return {name: rows for name, rows in everything(db, schema).items() if name != "rollups"}


def _dying_at(engine: Engine, words: str) -> Callable[..., None]:
    def die(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(words):
            raise KeyboardInterrupt

    event.listen(engine, "before_cursor_execute", die)
    return die


def test_the_first_schema_is_upgraded_with_its_data(first: Engine) -> None:
    schema = _schema(first)
    before = _rows(first, schema)
    migrate.upgrade(first)
    assert migrate.is_current(first)
    assert all(len(rows) == ROWS for rows in before.values())
    assert _rows(first, schema) == before


def test_a_store_that_has_taken_payments_is_upgraded_with_them(blank: Engine) -> None:
    schema = _schema(_filled(blank, PAYMENTS))
    before = _rows(blank, schema)
    migrate.upgrade(blank)
    assert _rows(blank, schema) == before
    with reading(blank) as store:
        numbers = store.execute(select(PaymentMovement.payment_id, PaymentMovement.number))
        assert sorted(numbers) == [(pk, 1) for pk in range(1, ROWS + 1)]
        assert set(store.scalars(select(Payment.written_off))) == {0}


def test_an_upgraded_store_numbers_its_rows_on(first: Engine) -> None:
    migrate.upgrade(first)
    with writing(first) as store:
        store.add(SessionMeterValue(session_id=1, timestamp=utc_now(), measurand="soc", value=1))
        store.flush()
        assert store.scalar(select(func.max(SessionMeterValue.id))) == ROWS + 1


def test_an_upgraded_store_keeps_its_keys(first: Engine) -> None:
    migrate.upgrade(first)
    table = Base.metadata.tables["session_meter_values"]
    known = inspect(first)
    assert {index["name"] for index in known.get_indexes(table.name)} == {
        index.name for index in table.indexes
    }
    assert [key["referred_table"] for key in known.get_foreign_keys(table.name)] == ["charging_sessions"]
    assert known.get_pk_constraint(table.name)["name"] == "pk_session_meter_values"


def test_an_upgrade_that_is_killed_at_its_end_runs_again_with_all_data(first: Engine) -> None:
    _assert_runs_again_after(first, "UPDATE alembic_version")


def test_an_upgrade_that_is_killed_while_it_copies_runs_again_with_all_data(database: str) -> None:
    engine = make_engine(database)
    _assert_runs_again_after(_filled(engine), "INSERT INTO session_meter_values")
    engine.dispose()


def _assert_runs_again_after(engine: Engine, last_words: str) -> None:
    schema = _schema(engine)
    before = _rows(engine, schema)
    die = _dying_at(engine, last_words)
    with pytest.raises(KeyboardInterrupt):
        migrate.upgrade(engine)
    event.remove(engine, "before_cursor_execute", die)
    assert (_rows(engine, _schema(engine)), migrate.is_current(engine)) == (before, False)
    migrate.upgrade(engine)
    assert (_rows(engine, schema), migrate.is_current(engine)) == (before, True)


def test_hosts_that_upgrade_at_once_do_not_disturb_each_other(first: Engine) -> None:
    with ThreadPoolExecutor(3) as pool:
        for upgrade in [pool.submit(migrate.upgrade, first) for _ in range(3)]:
            upgrade.result()
    assert migrate.is_current(first)


def test_an_upgraded_store_has_the_sums_of_its_sessions_and_statuses(blank: Engine) -> None:
    migrate.upgrade(blank)
    noon = datetime(2025, 3, 31, 12, tzinfo=UTC)
    with writing(blank) as store:
        station = factories.add_station(store, factories.add_owner(store))
        factories.add_session(store, station, noon, minutes=24 * 60)
        factories.add_status(store, station.connectors[0], "faulted", noon, noon + timedelta(days=40))
    factories.downgrade(blank, "0008")
    migrate.upgrade(blank)
    with reading(blank) as store:
        energy = select(Rollup.energy_wh).where(Rollup.scope == "network", Rollup.grain == "month")
        assert store.scalars(energy.order_by(Rollup.bucket)).all() == [0, 12_500, 0]
        assert rollups.differing(store, noon.date(), (noon + timedelta(days=40)).date()) == 0
