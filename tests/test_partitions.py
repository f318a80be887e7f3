"""Meter values and frames in months on PostgreSQL: where rows land, what goes at once, what a query reads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import factories
import pytest
from sqlalchemy import Connection, Engine, event, func, inspect, select, text
from sqlalchemy.exc import OperationalError

import partitioning
from db import partitions
from db.analytics import meter_values
from db.analytics.scope import Scope
from db.engine import reading, writing
from db.models import Base, ChargingSession, SessionMeterValue, utc_now
from jobs.runs import Runner
from jobs.work import all_jobs
from ocpp_backend import frame_log, frame_months, frames
from ocpp_backend.engine import create_tables, open_engine
from ocpp_backend.frames import Frame
from ocpp_backend.presence import Presence
from ocpp_backend.store import Store
from ocpp_backend.tables import frames as frame_table
from ocpp_backend.watch import Watch
from ocpp_integration.backend import BackendClient
from partitioning import Monthly
from settings import load

NOW = utc_now()
THIS_MONTH = NOW.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
LAST_MONTH = (THIS_MONTH - timedelta(days=1)).replace(day=1)
LONG_AGO = datetime(NOW.year - 2, 5, 10, 12, tzinfo=UTC)
TABLE = partitions.METER_VALUES


@pytest.fixture
def months(postgresql: Engine) -> Iterator[Engine]:
    """The store on PostgreSQL; it ends with the parts that it began with, and empty."""
    partitions.ensure(postgresql, NOW)
    yield postgresql
    with postgresql.begin() as db:
        for table in reversed(Base.metadata.sorted_tables):
            db.execute(table.delete())
    partitions.drop_before(postgresql, THIS_MONTH)


def part(at: datetime, table: Monthly = TABLE) -> str:
    return f"{table.table}_{at:%Y_%m}"


def values_at(engine: Engine, *times: datetime) -> int:
    """A session with a meter value at each of `times`; its id."""
    with writing(engine) as store:
        station = factories.add_station(store, factories.add_owner(store))
        session = factories.add_session(store, station, times[0])
        for number, at in enumerate(times):
            value = SessionMeterValue(
                session_id=session.id, timestamp=at, measurand="power_active_import", value=number, unit="W"
            )
            store.add(value)
    return session.id


def lying(engine: Engine, table: str = TABLE.table) -> dict[str, int]:
    """How many rows each part of a table has, where it has any."""
    with engine.connect() as db:
        found = db.execute(text(f"SELECT tableoid::regclass::text, count(*) FROM {table} GROUP BY 1"))  # noqa: S608
        return {str(name): int(count) for name, count in found}


def test_a_meter_value_lies_in_its_month(months: Engine) -> None:
    following = (THIS_MONTH + timedelta(days=32)).replace(day=1)
    values_at(months, NOW, following, following - timedelta(microseconds=1))
    assert lying(months) == {part(NOW): 2, part(following): 1}


def test_a_meter_value_of_any_time_is_taken(months: Engine) -> None:
    values_at(months, datetime(1970, 1, 1, tzinfo=UTC), LONG_AGO, datetime(9999, 12, 31, tzinfo=UTC))
    assert lying(months) == {TABLE.default: 3}


def test_parts_are_made_three_months_ahead(months: Engine) -> None:
    later = (THIS_MONTH + timedelta(days=190)).replace(day=1)
    made = partitions.ensure(months, later)
    with months.connect() as db:
        assert set(made) < partitioning.all_parts(db)
    assert made == sorted(made) and part(later) in made
    assert partitions.ensure(months, later) == []
    with months.begin() as db:
        for name in made:
            db.execute(text(f"DROP TABLE {name}"))


def test_rows_that_came_before_their_month_was_made_move_there(months: Engine) -> None:
    pk = values_at(months, LONG_AGO, LAST_MONTH, NOW)
    assert lying(months) == {TABLE.default: 2, part(NOW): 1}
    assert partitions.ensure(months, NOW) == [part(LONG_AGO), part(LAST_MONTH)]
    assert lying(months) == {part(LONG_AGO): 1, part(LAST_MONTH): 1, part(NOW): 1}
    with reading(months) as store:
        assert {row.session_id for row in store.scalars(select(SessionMeterValue))} == {pk}


def test_clocks_that_were_never_set_make_no_months(months: Engine) -> None:
    values_at(months, datetime(1970, 1, 1, tzinfo=UTC), datetime(2000, 1, 1, tzinfo=UTC))
    assert partitions.ensure(months, NOW) == []


def test_months_that_are_too_old_go_with_their_rows(months: Engine) -> None:
    values_at(months, datetime(1970, 1, 1, tzinfo=UTC), LONG_AGO, LAST_MONTH, NOW)
    partitions.ensure(months, NOW)
    assert partitions.drop_before(months, LAST_MONTH + timedelta(days=5)) == [part(LONG_AGO)]
    # What a clock that was never set has dated goes with its session.
    assert lying(months) == {TABLE.default: 1, part(LAST_MONTH): 1, part(NOW): 1}
    with reading(months) as store:
        assert store.scalar(select(func.count()).select_from(ChargingSession)) == 1


def test_a_row_in_months_is_found_changed_and_deleted_by_its_id(months: Engine) -> None:
    values_at(months, NOW)
    with writing(months) as store:
        pk = store.scalars(select(SessionMeterValue.id)).one()
        store.get_one(SessionMeterValue, pk).measurand = "soc"
    with writing(months) as store:
        found = store.get_one(SessionMeterValue, pk)
        assert found.measurand == "soc"
        store.delete(found)
    assert lying(months) == {}


def test_the_curve_of_a_session_is_read_from_its_own_months(months: Engine) -> None:
    pk = values_at(months, LAST_MONTH + timedelta(days=9), LAST_MONTH + timedelta(days=9, minutes=10))
    partitions.ensure(months, NOW)
    asked: list[tuple[str, object]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        asked.append((statement, parameters))

    event.listen(months, "before_cursor_execute", note)
    with reading(months) as store:
        assert len(meter_values.meter_curve(store, Scope.network(), pk)) == 2
    event.remove(months, "before_cursor_execute", note)
    statement, parameters = next(each for each in asked if "FROM session_meter_values" in each[0])
    with months.connect() as db:
        plan = "\n".join(db.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars())  # type: ignore[arg-type]
    assert part(LAST_MONTH) in plan
    assert part(NOW) not in plan


def test_a_writer_that_does_not_end_makes_the_upkeep_give_up_and_come_again(months: Engine) -> None:
    values_at(months, LAST_MONTH)
    with writing(months) as busy:
        busy.execute(text("LOCK TABLE session_meter_values IN ROW EXCLUSIVE MODE"))
        with pytest.raises(OperationalError, match="lock timeout"):
            partitions.ensure(months, NOW)
    assert partitions.ensure(months, NOW) == [part(LAST_MONTH)]


def test_hosts_that_do_the_upkeep_at_once_do_not_disturb_each_other(months: Engine) -> None:
    values_at(months, LONG_AGO, LAST_MONTH, NOW)
    with ThreadPoolExecutor(4) as pool:
        made = [pool.submit(partitions.ensure, months, NOW) for _ in range(4)]
        assert sorted(name for host in made for name in host.result()) == [part(LONG_AGO), part(LAST_MONTH)]
        dropped = [pool.submit(partitions.drop_before, months, THIS_MONTH) for _ in range(4)]
        assert {name for host in dropped for name in host.result()} == {part(LONG_AGO), part(LAST_MONTH)}
    assert lying(months) == {part(NOW): 1}


def test_the_jobs_make_the_months(months: Engine) -> None:
    values_at(months, LAST_MONTH)
    settings = load(None)
    jobs = {job.name: job for job in all_jobs(settings, months, BackendClient(settings))}
    assert Runner(months).run_by_hand(jobs["partitions"]).processed == 1
    assert lying(months) == {part(LAST_MONTH): 1}


def test_nothing_is_made_and_nothing_dropped_on_sqlite(sqlite: Engine) -> None:
    values_at(sqlite, LONG_AGO)
    assert partitions.ensure(sqlite, NOW) == partitions.drop_before(sqlite, NOW) == []
    with reading(sqlite) as store:
        assert store.scalar(select(func.count()).select_from(SessionMeterValue)) == 1


# The backend's log of frames


def frame(at: datetime) -> Frame:
    return Frame("ST1", at, "in", "call", "Heartbeat", "1", payload={})


@pytest.fixture
def backend(database: str) -> Iterator[Engine]:
    """A store of the backend as an earlier version made it, its frames in a plain table."""
    engine = open_engine(database)
    frame_table.metadata.create_all(engine)
    with engine.begin() as db:
        frames.insert_all(db, [frame(at) for at in (LONG_AGO, LAST_MONTH, NOW)])
    yield engine
    engine.dispose()


_PATIENCE = ("offline_after", "connection_timeout", "stuck_after", "keep_frames")


def ids(db: Connection) -> list[int]:
    return [row.id for row in frame_log.find(db, frame_log.Search())]


def test_frames_of_an_earlier_version_come_into_their_months(backend: Engine) -> None:
    create_tables(backend, NOW)
    create_tables(backend, NOW)
    assert lying(backend, "frames") == {
        part(at, frame_months.FRAMES): 1 for at in (LONG_AGO, LAST_MONTH, NOW)
    }
    with backend.begin() as db:
        frames.insert_all(db, [frame(NOW)])
        assert ids(db) == [4, 3, 2, 1]
    indexes = {index["name"] for index in inspect(backend).get_indexes("frames")}
    assert indexes == {index.name for index in frame_table.indexes}


def test_a_backend_killed_in_the_middle_of_that_begins_again(backend: Engine) -> None:
    def die(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("DROP TABLE"):
            raise KeyboardInterrupt

    event.listen(backend, "before_cursor_execute", die)
    with pytest.raises(KeyboardInterrupt):
        create_tables(backend, NOW)
    event.remove(backend, "before_cursor_execute", die)
    assert lying(backend, "frames") == {"frames": 3}
    create_tables(backend, NOW)
    assert sum(lying(backend, "frames").values()) == 3


def test_months_of_frames_go_when_none_of_theirs_is_kept(backend: Engine) -> None:
    create_tables(backend, NOW)
    with backend.begin() as db:
        frame_months.keep(db, NOW, NOW - LAST_MONTH)
    assert set(lying(backend, "frames")) == {part(at, frame_months.FRAMES) for at in (LAST_MONTH, NOW)}
    with backend.connect() as db:
        assert part(LONG_AGO, frame_months.FRAMES) not in partitioning.all_parts(db)


def test_the_backend_keeps_its_months_while_it_runs(backend: Engine) -> None:
    later = THIS_MONTH + timedelta(days=62)

    async def run() -> None:
        store = Store(backend.url.render_as_string(hide_password=False))
        await store.open(NOW)
        patience = dict.fromkeys(_PATIENCE, timedelta(days=30))
        watch = Watch(store, Presence(), lambda: later, **patience, most_frames=9)
        store.record(frame(later))
        await watch.keep_months()
        await store.close()

    asyncio.run(run())
    assert lying(backend, "frames") == {part(later, frame_months.FRAMES): 1}


def test_frames_of_a_time_are_looked_for_in_its_months(backend: Engine) -> None:
    create_tables(backend, NOW)
    with backend.connect() as db:
        plan = "\n".join(
            db.execute(
                text("EXPLAIN SELECT * FROM frames WHERE at >= :since ORDER BY id DESC LIMIT 10"),
                {"since": THIS_MONTH},
            ).scalars()
        )
    assert part(LONG_AGO, frame_months.FRAMES) not in plan
