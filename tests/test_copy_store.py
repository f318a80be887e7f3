"""`manage.py copy-store`: a whole store in another kind of database, the same to the last value."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import factories
import pytest
from filling import ROWS, everything, fill
from sqlalchemy import Engine, func, select, text, update

import manage
from db import migrate, packed
from db.clocks import DAY
from db.engine import make_engine, reading, writing
from db.models import ChargingSession, OCPPLog, SessionMeterValue, StationOwner, utc_now
from management import copying
from management.copy_store import KINDS, Kind
from ocpp_backend.engine import create_tables

PRODUCT, BACKEND = KINDS


@pytest.fixture(params=["sqlite to postgresql", "postgresql to sqlite"])
def urls(request: pytest.FixtureRequest, tmp_path: Path, database: str) -> tuple[str, str]:
    """Where from and where to."""
    file = f"sqlite:///{tmp_path / 'copied.db'}"
    return (file, database) if request.param.startswith("sqlite") else (database, file)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.sign)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


def filled(kind: Kind, url: str) -> Engine:
    """A store of this kind with rows in every table."""
    engine = make_engine(url)
    kind.prepare(engine)
    with engine.execution_options(writes=True).begin() as db:
        fill(db, kind.metadata)
        copying.number_on(db, kind.metadata)
    return engine


def rows(kind: Kind, engine: Engine) -> dict[str, set[str]]:
    """Of the tables that are copied."""
    with engine.connect() as db:
        found = everything(db, kind.metadata)
    return {table.name: found[table.name] for table in kind.tables}


def test_every_value_of_every_table_arrives(
    kind: Kind, urls: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = filled(kind, urls[0]), make_engine(urls[1])
    assert manage.main(["copy-store", *urls]) == 0
    assert rows(kind, target) == rows(kind, source)
    printed = capsys.readouterr().out
    for table in kind.tables:
        (line,) = [line for line in printed.splitlines() if line.split()[:1] == [table.name]]
        assert line.split()[1:4] == [str(ROWS), "rows", "same"]
    source.dispose()
    target.dispose()


def test_both_stores_of_one_database_are_copied_at_once(urls: tuple[str, str]) -> None:
    for kind in KINDS:
        filled(kind, urls[0]).dispose()
    assert manage.main(["copy-store", *urls]) == 0
    target = make_engine(urls[1])
    assert all(len(rows) == ROWS for kind in KINDS for rows in rows_of(kind, target))
    target.dispose()


def test_where_one_of_both_stores_cannot_be_copied_none_is(
    urls: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in KINDS:
        filled(kind, urls[0]).dispose()
    number_on: Callable[..., None] = copying.number_on

    def dying(db: Any, metadata: Any) -> None:
        if metadata is BACKEND.metadata:
            raise KeyboardInterrupt
        number_on(db, metadata)

    monkeypatch.setattr(copying, "number_on", dying)
    assert manage.main(["copy-store", *urls]) == 130
    target = make_engine(urls[1])
    assert not any(row for kind in KINDS for row in rows_of(kind, target))
    monkeypatch.setattr(copying, "number_on", number_on)
    assert manage.main(["copy-store", *urls]) == 0
    assert all(len(rows) == ROWS for kind in KINDS for rows in rows_of(kind, target))
    target.dispose()


def rows_of(kind: Kind, engine: Engine) -> list[set[str]]:
    return list(rows(kind, engine).values())


def test_a_driver_is_counted_once_in_a_copy_whatever_days_were_packed(urls: tuple[str, str]) -> None:
    noon = datetime(2026, 3, 10, 12, tzinfo=UTC)
    source, target = make_engine(urls[0]), make_engine(urls[1])
    migrate.upgrade(source)
    with writing(source) as store:
        station = factories.add_station(store, factories.add_owner(store))
        driver = factories.add_user(store, "selam", role="driver")
        for day in range(2):
            factories.add_session(store, station, noon + timedelta(days=day), user_id=driver.id)
    with writing(source) as store:
        packed.pack(store, noon.date())
    assert manage.main(["copy-store", *urls]) == 0
    start = int(noon.timestamp()) - DAY
    with reading(target) as store:
        found = packed.columns(store, ("driver",), start, start + 3 * DAY)
    assert (len(found["driver"]), len(set(found["driver"]))) == (2, 1)
    for engine in (source, target):
        engine.dispose()


def test_a_copy_has_this_versions_schema_and_numbers_its_rows_on(urls: tuple[str, str]) -> None:
    filled(PRODUCT, urls[0]).dispose()
    assert manage.main(["copy-store", *urls]) == 0
    target = make_engine(urls[1])
    assert migrate.is_current(target)
    with writing(target) as store:
        owner = StationOwner(name="New")
        store.add_all([owner, OCPPLog(action="new")])
        store.flush()
        assert owner.id == ROWS + 1
    target.dispose()


def test_on_postgresql_meter_values_come_into_their_months(tmp_path: Path, database: str) -> None:
    source = f"sqlite:///{tmp_path / 'store.db'}"
    filled(PRODUCT, source).dispose()
    assert manage.main(["copy-store", source, database]) == 0
    target = make_engine(database)
    with target.connect() as db:
        query = "SELECT DISTINCT tableoid::regclass::text FROM session_meter_values"
        lying = set(db.scalars(text(query)))
    assert lying == {"session_meter_values_2026_01", "session_meter_values_2026_02"}
    target.dispose()


def test_a_target_with_rows_is_refused_and_stays_as_it_is(
    urls: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    filled(PRODUCT, urls[0]).dispose()
    target = filled(PRODUCT, urls[1])
    before = rows(PRODUCT, target)
    assert manage.main(["copy-store", *urls]) == 1
    assert "has rows already" in capsys.readouterr().err
    assert rows(PRODUCT, target) == before
    target.dispose()


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (update(ChargingSession).where(ChargingSession.id == 1).values(energy_wh=7), "energy_wh adds up to"),
        (update(SessionMeterValue).where(SessionMeterValue.id == 2).values(unit="kW"), "a value is another"),
    ],
)
def test_what_differs_is_named_and_nothing_of_it_is_kept(
    urls: tuple[str, str],
    spoil: Any,
    word: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    filled(PRODUCT, urls[0]).dispose()
    number_on: Callable[..., None] = copying.number_on

    def spoiling(db: Any, metadata: Any) -> None:
        db.execute(spoil)
        number_on(db, metadata)

    monkeypatch.setattr(copying, "number_on", spoiling)
    assert manage.main(["copy-store", *urls]) == 1
    printed = capsys.readouterr().out
    assert word in printed and "DIFFERS" in printed and "Nothing was kept" in printed
    target = make_engine(urls[1])
    assert not any(rows_of(PRODUCT, target))
    target.dispose()


def test_a_copy_that_is_killed_in_the_middle_runs_again(
    urls: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = filled(PRODUCT, urls[0])
    copy = copying.copy

    def dying(old: Any, new: Any, table: Any, advance: Any) -> Any:
        if table.name == "session_meter_values":
            raise KeyboardInterrupt
        return copy(old, new, table, advance)

    monkeypatch.setattr(copying, "copy", dying)
    assert manage.main(["copy-store", *urls]) == 130
    monkeypatch.setattr(copying, "copy", copy)
    assert manage.main(["copy-store", *urls]) == 0
    target = make_engine(urls[1])
    assert rows(PRODUCT, target) == rows(PRODUCT, source)
    for engine in (source, target):
        engine.dispose()


def test_what_is_written_while_a_store_is_copied_is_not_in_the_copy_by_half(
    urls: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = filled(PRODUCT, urls[0])
    copy = copying.copy

    def meanwhile(old: Any, new: Any, table: Any, advance: Any) -> Any:
        with writing(source) as store:
            store.add(SessionMeterValue(session_id=1, timestamp=utc_now(), measurand="soc", value=1))
        return copy(old, new, table, advance)

    monkeypatch.setattr(copying, "copy", meanwhile)
    assert manage.main(["copy-store", *urls]) == 0
    target = make_engine(urls[1])
    with reading(target) as store:
        assert store.scalar(select(func.count()).select_from(SessionMeterValue)) == ROWS
    for engine in (source, target):
        engine.dispose()


def test_memory_does_not_grow_with_a_table(urls: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "CHUNK", 10)
    source = filled(PRODUCT, urls[0])
    with writing(source) as store:
        store.add_all(OCPPLog(action=str(number)) for number in range(95))
    sizes: list[int] = []
    checksum = copying._checksum

    def noting(some: Any) -> int:
        sizes.append(len(some))
        return checksum(some)

    monkeypatch.setattr(copying, "_checksum", noting)
    assert manage.main(["copy-store", *urls]) == 0
    assert max(sizes) == 10
    source.dispose()


def test_a_store_of_an_earlier_version_is_refused_with_the_mend(
    urls: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    engine = filled(BACKEND, urls[0])
    with engine.execution_options(writes=True).begin() as db:
        db.execute(text("ALTER TABLE transactions DROP COLUMN claimed"))
    engine.dispose()
    assert manage.main(["copy-store", *urls]) == 1
    assert "start this version's backend on it once" in capsys.readouterr().err


def test_a_database_without_a_store_is_refused(
    urls: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    make_engine(urls[0]).dispose()
    assert manage.main(["copy-store", *urls]) == 1
    assert "holds no store" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "word"), [("sqlite:////nowhere/store.db", "there is no file"), ("store.db", "a URL is needed")]
)
def test_an_address_that_leads_nowhere_is_refused(
    source: str, word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert manage.main(["copy-store", source, f"sqlite:///{tmp_path / 'to.db'}"]) == 1
    assert word in capsys.readouterr().err


def test_a_backend_begins_on_its_copied_store_with_the_numbers_it_had(urls: tuple[str, str]) -> None:
    engine = make_engine(urls[0])
    create_tables(engine, utc_now())
    with engine.connect() as db:
        number = db.scalar(text("SELECT value FROM counters"))
    engine.dispose()
    assert manage.main(["copy-store", *urls]) == 0
    target = make_engine(urls[1])
    create_tables(target, utc_now())
    with target.connect() as db:
        assert db.scalars(text("SELECT value FROM counters")).all() == [number]
    target.dispose()
