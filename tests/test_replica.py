"""A replica behind `DATABASE_READ_URL`: what is read from it, and what happens when it lags or goes away."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from factories import add_owner, add_session, add_station
from sqlalchemy import Engine, create_engine, select, text
from sqlalchemy.orm import Session

from benchmarks.clusters import HURRIED, Cluster, primary, replica_of
from dashboard import loading, resources
from db import migrate
from db.analytics import sessions
from db.analytics.scope import Scope
from db.engine import make_engine, writing
from db.models import Base, StationOwner
from db.replica import LOOK_AGAIN_AFTER, Replica
from management import doctor
from settings import ConfigurationError, load

EVERYTHING = Scope.network()


@dataclass
class Pair:
    """A primary with the product's store, and the cluster that streams from it."""

    engine: Engine
    cluster: Cluster

    def eventually(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not holds():
            assert time.monotonic() < deadline, "the replica does not catch up"
            time.sleep(0.05)

    @contextmanager
    def lagging(self) -> Iterator[None]:
        """The replica takes in nothing of what the primary does in the block."""
        engine = create_engine(self.cluster.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as db:
            db.execute(text("SELECT pg_wal_replay_pause()"))
            state = text("SELECT pg_get_wal_replay_pause_state()")
            self.eventually(lambda: db.scalar(state) == "paused")
            try:
                yield
            finally:
                db.execute(text("SELECT pg_wal_replay_resume()"))
        engine.dispose()


@pytest.fixture(scope="module")
def clusters() -> Iterator[Pair]:
    with primary(**HURRIED) as first, replica_of(first) as second:
        engine = make_engine(first.url)
        migrate.upgrade(engine)
        yield Pair(engine, second)
        engine.dispose()


@pytest.fixture
def pair(clusters: Pair) -> Iterator[Pair]:
    yield clusters
    with clusters.engine.begin() as db:
        for table in reversed(Base.metadata.sorted_tables):
            db.execute(table.delete())


class Clock:
    """The monotonic clock of a replica; `later` lets it look again."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def later(self) -> None:
        self.now += LOOK_AGAIN_AFTER


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def replica(pair: Pair, clock: Clock) -> Iterator[Replica]:
    """One that may not lag at all."""
    replica = Replica(pair.cluster.url, max_lag=0, clock=clock)
    yield replica
    replica.dispose()


def is_replica(store: Session) -> bool:
    return bool(store.scalar(text("SELECT pg_is_in_recovery()")))


def owners(store: Session) -> list[str]:
    return list(store.scalars(select(StationOwner.name)))


def serves(replica: Replica, pair: Pair, clock: Clock) -> bool:
    clock.later()
    return replica.read(pair.engine, is_replica)


def test_what_the_primary_took_is_read_from_the_replica(pair: Pair, replica: Replica, clock: Clock) -> None:
    with writing(pair.engine) as store:
        add_owner(store, "Addis Charge")
    pair.eventually(lambda: serves(replica, pair, clock) and replica.read(pair.engine, owners) != [])
    assert replica.read(pair.engine, owners) == ["Addis Charge"]


@pytest.fixture
def _dashboard(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The dashboard's own resources, over the pair, whose replica has what the primary has."""
    url = pair.engine.url.render_as_string(hide_password=False)
    settings = load(None, database_url=url, database_read_url=pair.cluster.url, database_read_max_lag=3600)
    resources.replica.cache_clear()
    monkeypatch.setattr(resources, "engine", lambda: pair.engine)
    monkeypatch.setattr(resources, "settings", lambda: settings)
    with writing(pair.engine) as store:
        add_owner(store, "Addis Charge")
    pair.eventually(lambda: resources.read(is_replica) and resources.read(owners) == ["Addis Charge"])
    yield
    replica = resources.replica()
    assert replica is not None
    replica.dispose()
    resources.replica.cache_clear()
    loading.forget()


def shown_stations() -> list[str]:
    loading.forget()
    found = loading.session_rows(EVERYTHING, sessions.SessionFilter(), "start", True, 10, 0)
    return [row.station_name for row in found]


@pytest.mark.usefixtures("_dashboard")
def test_the_dashboards_lists_come_from_the_replica(pair: Pair) -> None:
    with pair.lagging():
        with writing(pair.engine) as store:
            station = add_station(store, add_owner(store, "Rift"), "Bole Road")
            add_session(store, station, datetime(2026, 3, 1, tzinfo=UTC))
        assert shown_stations() == []
    pair.eventually(lambda: shown_stations() == ["Bole Road"])


@pytest.mark.usefixtures("_dashboard")
def test_the_connectors_now_do_not_wait_for_the_replica(pair: Pair) -> None:
    with pair.lagging():
        with writing(pair.engine) as store:
            add_station(store, add_owner(store, "Rift"), "Bole Road")
        assert len(loading.live_state(EVERYTHING).connectors) == 2
        assert resources.read(owners) == ["Addis Charge"]


def test_a_replica_that_lags_is_not_read(
    pair: Pair, replica: Replica, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with writing(pair.engine) as store:
        add_owner(store, "Addis Charge")
    pair.eventually(lambda: serves(replica, pair, clock))
    with pair.lagging():
        with writing(pair.engine) as store:
            add_owner(store, "Rift")
        pair.eventually(lambda: not serves(replica, pair, clock))
        assert replica.read(pair.engine, owners) == ["Addis Charge", "Rift"]
        assert "s behind" in caplog.text
    pair.eventually(lambda: serves(replica, pair, clock))


def test_reads_go_on_from_the_primary_when_the_replica_stops_and_return_to_it(
    pair: Pair, replica: Replica, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with writing(pair.engine) as store:
        add_owner(store, "Addis Charge")
    pair.eventually(lambda: serves(replica, pair, clock))
    caplog.set_level(logging.INFO, "db.replica")
    caplog.clear()
    pair.cluster.stop()
    try:
        for _ in range(3):
            assert replica.read(pair.engine, owners) == ["Addis Charge"]
            clock.later()
    finally:
        pair.cluster.start()
    pair.eventually(lambda: serves(replica, pair, clock))
    told = [record.message for record in caplog.records if record.name == "db.replica"]
    assert told[0].startswith("reads go to the primary, the replica does not serve")
    assert told[-1] == "reads go to the replica again"


def test_a_query_that_the_replica_breaks_off_is_asked_of_the_primary(
    pair: Pair, replica: Replica, clock: Clock
) -> None:
    pair.eventually(lambda: serves(replica, pair, clock))

    def work(store: Session) -> bool:
        if is_replica(store):
            store.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        return is_replica(store)

    assert replica.read(pair.engine, work) is False


def test_a_fault_of_a_query_is_not_hidden_by_asking_twice(pair: Pair, replica: Replica, clock: Clock) -> None:
    pair.eventually(lambda: serves(replica, pair, clock))
    asked: list[bool] = []

    def work(store: Session) -> None:
        asked.append(is_replica(store))
        raise LookupError

    with pytest.raises(LookupError):
        replica.read(pair.engine, work)
    assert asked == [True]


def test_a_replica_that_was_never_there_costs_nothing_but_a_line(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    replica = Replica("postgresql+psycopg://nobody@127.0.0.1:1/nothing", max_lag=5)
    with writing(engine) as store:
        add_owner(store, "Addis Charge")
    assert [replica.read(engine, owners) for _ in range(3)] == [["Addis Charge"]] * 3
    assert caplog.text.count("reads go to the primary") == 1
    replica.dispose()


def test_the_doctor_tells_of_a_replica_that_does_not_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(None, database_read_url="postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    monkeypatch.setattr(doctor, "load", lambda: settings)
    (finding,) = [finding for finding in doctor.examine() if finding.subject == "replica"]
    assert not finding.good
    assert "the dashboard reads from DATABASE_URL" in finding.message


def test_a_replica_of_sqlite_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="DATABASE_READ_URL"):
        load(None, database_read_url="sqlite:///copy.db")
