"""Every KPI is what plain SQL makes of the rows behind it, whoever asks, on either store."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import factories
import pytest
from sqlalchemy import BigInteger, Engine, Float, Numeric, literal_column, select
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from dashboard.kpis import words
from db.analytics import outages
from db.analytics.definitions import COLUMNS, Kpi, Value, kpis_with
from db.analytics.port_times import port_times
from db.analytics.scope import Period, Scope
from db.columns import Money
from db.engine import reading, writing
from db.models import Base, Command, OCPPStation, OutageExclusion, User
from management import kpi_document
from ocpp_integration.exports.files import to_csv
from settings import ROOT

KPIS = kpis_with(Decimal("0.655"))
# Berlin's clock is put forward on 30 March.
PERIOD = Period(date(2025, 3, 12), date(2025, 4, 11))
NOW = datetime(2025, 4, 9, 14, 30, 20, tzinfo=UTC)
FIRST = datetime(2025, 2, 8, tzinfo=UTC)

_PLACES = (
    ("Addis", "Bole Road", "Africa/Addis_Ababa", "ETB", 60_000),
    ("Addis", "Kazanchis", "Africa/Addis_Ababa", "ETB", 22_000),
    ("Addis", "Tegel", "Europe/Berlin", "EUR", 150_000),
    ("Rift", "Thamel", "Asia/Kathmandu", "ETB", 50_000),
    ("Rift", "Lorengau", "Australia/Lord_Howe", "USD", 11_000),
)
_REASONS = (None, "Local", "Remote", "EVDisconnected", "PowerLoss", "EmergencyStop", "Other")


@dataclass(frozen=True)
class World:
    engine: Engine
    scopes: Mapping[str, Scope]


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    engine = factories.make_store(tmp_path_factory.mktemp("kpis"))
    yield _filled(engine)
    engine.dispose()


@pytest.fixture(scope="module")
def on_postgresql(postgresql: Engine) -> Iterator[World]:
    yield _filled(postgresql)
    with postgresql.begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(table.delete())


@pytest.fixture(scope="module", params=["on_sqlite", "on_postgresql"])
def world(request: pytest.FixtureRequest) -> World:
    """A store with two owners, five stations on four clocks, and two months of what happens to them."""
    found: World = request.getfixturevalue(request.param)
    return found


def _filled(engine: Engine) -> World:
    chance = random.Random(7)
    with writing(engine) as store:
        admin = factories.add_user(store)
        owners = {name: factories.add_owner(store, name) for name in ("Addis", "Rift")}
        stations = [
            factories.add_station(
                store, owners[owner], name, timezone=zone, currency=currency, power_w=power_w
            )
            for owner, name, zone, currency, power_w in _PLACES
        ]
        for owner in owners.values():
            unused = factories.add_station(store, owner, f"New of {owner.name}", connectors=1)
            unused.charging_station.created_at = datetime(2025, 3, 4, 12, tzinfo=UTC)
        _shut(stations[1])
        for station in stations:
            _add_sessions(store, station, admin, chance)
            _hold_back(store, station)
            _fill_both(store, station)
            for number in range(2):
                _add_statuses(store, station, number, chance)
            _exclude(store, station, admin, chance)
            _refuse(store, station, admin, chance)
        factories.roll_up(store, date(2025, 1, 1), date(2025, 5, 1))
        scopes = {
            "network": Scope.network(),
            "owner": Scope.owner(owners["Addis"].id),
            "station": Scope.station(stations[2].id),
            # The first is another owner's.
            "chosen": Scope.owner(owners["Addis"].id).only([stations[3].id, stations[0].id, stations[2].id]),
        }
    return World(engine, scopes)


def _shut(station: OCPPStation) -> None:
    """Its second connector was taken away in the middle of the period."""
    connector = station.connectors[1].charging_connector
    assert connector
    connector.is_active, connector.updated_at = False, datetime(2025, 3, 22, 9, tzinfo=UTC)


def _add_sessions(store: Session, station: OCPPStation, by: User, chance: random.Random) -> None:
    rated = station.connectors[0].charging_connector
    for _ in range(70):
        start = FIRST + timedelta(seconds=chance.uniform(0, 62 * 86_400))
        minutes = chance.choice((1, 7, 25, 45, 90, 300, 1500))
        energy = chance.choice((None, 0, 60, 100, 101, chance.randrange(500, 60_000)))
        cost = None if energy is None else Decimal(energy * 12).scaleb(-3).quantize(Decimal("0.01"))
        status = chance.choice(("completed", "completed", "stopped", "failed", "charging", "pending"))
        factories.add_session(
            store,
            station,
            start,
            minutes=None if status in ("charging", "pending") else minutes,
            energy_wh=energy,  # type: ignore[arg-type]
            cost=cost,
            tax=None if cost is None else (cost * 15 / 115).quantize(Decimal("0.01")),
            status=status,
            connector=chance.choice((1, 2)),
            stop_reason=chance.choice(_REASONS),
            id_tag=chance.choice((None, "TAG1", "tag1", "TAG2", "TAG3")),
            user_id=chance.choice((None, None, by.id)),
            charging_seconds=chance.choice((None, 0, minutes * 30, minutes * 90)),
            max_power_w=chance.choice((None, rated.power_w if rated else None, 7_000)),
        )


def _hold_back(store: Session, station: OCPPStation) -> None:
    """One session in the period and one in that before cannot be as they were reported."""
    for start in (datetime(2025, 3, 20, 8, tzinfo=UTC), datetime(2025, 2, 20, 8, tzinfo=UTC)):
        factories.add_session(
            store, station, start, energy_wh=900_000, cost=Decimal("9000.50"), verdict="held"
        )


def _fill_both(store: Session, station: OCPPStation) -> None:
    """Both connectors at once, in either period; once over an hour that the clocks of Berlin skip."""
    for start in (datetime(2025, 3, 1, 8, tzinfo=UTC), datetime(2025, 3, 30, 0, 40, tzinfo=UTC)):
        for connector in (1, 2):
            factories.add_session(store, station, start, minutes=90, connector=connector)


def _add_statuses(store: Session, station: OCPPStation, number: int, chance: random.Random) -> None:
    at, connector = FIRST + timedelta(hours=chance.randrange(400)), station.connectors[number]
    while at < NOW - timedelta(days=1):
        status = chance.choice(("available", "charging", "faulted", "unavailable", "offline", "suspended_ev"))
        code = chance.choice(("", "NoError", "GroundFailure", "OtherError", "EVCommunicationError"))
        end = at + timedelta(seconds=chance.randrange(600, 5 * 86_400))
        interval = factories.add_status(store, connector, status, at, end, code)
        interval.vendor_error_code = chance.choice(("", "", "CX015", "CX001"))
        at = end
    interval.ended_at = None


def _exclude(store: Session, station: OCPPStation, by: User, chance: random.Random) -> None:
    """Exclusions of the station and of a connector that overlap, touch, lie in one another."""
    for n in range(8):
        start = FIRST + timedelta(days=chance.randrange(60), hours=12 * (n % 2))
        excluded = OutageExclusion(
            ocpp_station_id=station.id,
            ocpp_connector_id=chance.choice((None, station.connectors[0].id)),
            started_at=start,
            ended_at=start + timedelta(days=chance.choice((1, 2, 6))),
            reason="maintenance",
            entered_by_id=by.id,
            revoked_at=NOW if n == 7 else None,
        )
        store.add(excluded)
    store.flush()


def _refuse(store: Session, station: OCPPStation, by: User, chance: random.Random) -> None:
    """Starts from afar that failed: by the charge point, by a backend that was away, and with a session."""
    for n in range(12):
        outcome = {"code": chance.choice(("rejected", "backend_down", "busy"))} if n % 3 else None
        at = FIRST + timedelta(days=5 * n, seconds=chance.randrange(80_000))
        store.add(
            Command(
                idempotency_key=f"{station.id}-{n}",
                kind="start",
                user_id=chance.choice((None, by.id)),
                ocpp_connector_id=chance.choice(station.connectors).id,
                transaction_id=1001 if n == 0 else None,
                state=chance.choice(("failed", "failed", "accepted")),
                outcome=outcome,
                sent_at=at,
            )
        )
    store.flush()


def _close(value: Value) -> Any:
    """The same to a billionth, as the two stores divide differently."""
    if isinstance(value, Mapping):
        return {key: _close(number) for key, number in value.items()}
    exact = isinstance(value, int) or value is None
    return value if exact else pytest.approx(float(value), rel=1e-9)  # type: ignore[arg-type]


def _floats(value: Value) -> Any:
    if isinstance(value, Mapping):
        return {key: _floats(number) for key, number in value.items()}
    return float(value) if isinstance(value, Decimal) else value


_TYPES: dict[str, TypeEngine[Any]] = {
    "count": BigInteger(),
    "energy": BigInteger(),
    "power": BigInteger(),
    "time": BigInteger(),
    "money": Money(),
    "share": Float(),
    "carbon": Numeric(),
}


def _added_up(kpi: Kpi, store: Session, *asked: Any) -> Value:
    """What the rows behind it add up to."""
    rows = kpi.rows(store, *asked).order_by(None).subquery("rows")
    total: Any = literal_column(kpi.adds_up, _TYPES[kpi.unit])
    if not kpi.per:
        value: Value = store.scalar(select(total).select_from(rows))
        return value
    groups = [rows.c[name] for name in kpi.per]
    found = store.execute(select(*groups, total).group_by(*groups))
    return {tuple(row[:-1]): row[-1] for row in found if row[-1] is not None}


@pytest.mark.parametrize("kind", ["network", "owner", "station", "chosen"])
@pytest.mark.parametrize("key", KPIS)
def test_a_figure_is_what_sql_makes_of_the_rows_behind_it(world: World, key: str, kind: str) -> None:
    kpi, scope = KPIS[key], world.scopes[kind]
    with reading(world.engine) as store:
        asked = (store, scope, PERIOD, NOW)
        for value, period in ((kpi.value(*asked), PERIOD), (kpi.before(*asked), PERIOD.previous())):
            # Only of stations without use may it be that there are none among one.
            assert value or (key == "unused_stations" and kind in ("station", "chosen"))
            assert _floats(_added_up(kpi, store, scope, period, NOW)) == _close(value)


@pytest.mark.parametrize("kind", ["network", "owner", "station", "chosen"])
def test_the_sums_of_ports_are_those_of_their_logs(world: World, kind: str) -> None:
    with reading(world.engine) as store:
        for period in (PERIOD, PERIOD.previous()):
            asked = (store, world.scopes[kind], period, NOW)
            told, found = outages.definitions(outages.logs(*asked)), port_times(*asked)
            assert (found.observed, found.outage, found.excluded) == (
                told.observed,
                told.outage,
                told.excluded,
            )
            assert told.uk is None or (told.uk.period, told.uk.outage) == (
                found.rapid_open,
                found.rapid_out,
            )


@pytest.mark.parametrize("key", KPIS)
def test_without_data_a_figure_and_its_rows_say_the_same(world: World, key: str) -> None:
    long_ago = Period(date(2001, 1, 1), date(2001, 2, 1))
    with reading(world.engine) as store:
        asked = (store, Scope.network(), long_ago, NOW)
        assert _floats(_added_up(KPIS[key], *asked)) == _close(KPIS[key].value(*asked))
        assert KPIS[key].count_rows(*asked, most=10) == 0


@pytest.mark.parametrize("key", KPIS)
def test_the_pages_and_the_file_of_a_figure_have_all_its_rows_once(world: World, key: str) -> None:
    kpi, asked = KPIS[key], (world.scopes["owner"], PERIOD, NOW)
    with reading(world.engine) as store:
        every = list(kpi.each_row(store, *asked))
        half = -(-len(every) // 2)
        pages = [list(kpi.each_row(store, *asked, limit=half, offset=n * half)) for n in (0, 1)]
        assert kpi.count_rows(store, *asked, most=5) == min(5, len(every))
    assert pages[0] + pages[1] == every
    assert {len(values) for values in words.shown(kpi, every).values()} == {len(every)}
    lines = list(csv.reader(io.StringIO(b"".join(to_csv(words.file(kpi, every))).decode("utf-8-sig"))))
    assert [title.split(" ")[0] for title in lines[0]] == list(kpi.columns)
    assert len(lines) == len(every) + 1


@pytest.mark.parametrize("key", KPIS)
def test_a_definition_has_its_words_and_titles_for_its_columns(key: str) -> None:
    kpi = KPIS[key]
    assert kpi.key == key and kpi.name and kpi.source
    assert kpi.formula.endswith(".") and kpi.formula[0].isupper()
    assert set(kpi.columns) <= set(COLUMNS) and set(kpi.per) <= set(kpi.columns)


def test_the_document_of_kpis_is_made_of_the_table() -> None:
    """Else: python manage.py kpis > docs/kpis.md"""
    assert (ROOT / "docs" / "kpis.md").read_text(encoding="utf-8") == kpi_document.document()
