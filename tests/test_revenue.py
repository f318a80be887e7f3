"""What was earned: never added over currencies, by the tariff of each session, on either store."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import factories
import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from db.analytics import rankings, revenue
from db.analytics.buckets import Bucket, Grain
from db.analytics.revenue import Earned, Held, Part
from db.analytics.scope import Period, Scope
from db.engine import reading, writing
from db.models import OCPPStation, Tariff
from ocpp_integration.exports.catalogue import EXPORTS, Asked
from ocpp_integration.exports.files import FORMATS
from settings import load

MARCH = Period(date(2025, 3, 1), date(2025, 4, 1))
FEBRUARY_WEDNESDAY = datetime(2025, 2, 26, 9, tzinfo=UTC)
MONDAY = datetime(2025, 3, 3, 9, tzinfo=UTC)
SUNDAY = datetime(2025, 3, 9, 9, tzinfo=UTC)


@pytest.fixture
def scopes(engine: Engine) -> dict[str, Scope]:
    """Addis has Bole (ETB, a price that rose) and Berlin (EUR), Rift has Adama; Awash was never used."""
    with writing(engine) as store:
        addis, rift = factories.add_owner(store, "Addis"), factories.add_owner(store, "Rift")
        old, new = _versions(store)
        bole = factories.add_station(store, addis, "Bole", tariff=old)
        berlin = factories.add_station(store, addis, "Berlin", timezone="Europe/Berlin", currency="EUR")
        adama = factories.add_station(store, rift, "Adama", tariff=new)
        factories.add_station(store, rift, "Awash")
        closed = factories.add_station(store, rift, "Closed")
        closed.charging_station.is_active = False
        _charge(store, bole, FEBRUARY_WEDNESDAY, 5_000, "50.00", "6.52")
        _charge(store, bole, MONDAY, 10_000, "100.00", "13.04")
        _charge(store, bole, SUNDAY, 30_000, "600.00", "78.26", tariff_id=new.id)
        _charge(store, bole, SUNDAY, 0, "0.00", "0.00", connector=2)
        _charge(store, bole, SUNDAY, 900_000, "9000.00", "1173.91", connector=2, verdict="held")
        _charge(store, berlin, MONDAY, 20_000, "10.00", "1.60")
        _charge(store, adama, SUNDAY, 4_000, "80.00", "10.43")
        factories.roll_up(store, date(2025, 2, 1), date(2025, 3, 31))
        return {"network": Scope.network(), "addis": Scope.owner(addis.id), "bole": Scope.station(bole.id)}


def _versions(store: Session) -> tuple[Tariff, Tariff]:
    versions = tuple(factories.add_tariff(store, Decimal(price)) for price in (10, 20))
    for number, tariff in enumerate(versions, start=1):
        tariff.name, tariff.code, tariff.version = "Day", "DAY", number
    store.flush()
    return versions[0], versions[1]


def _charge(
    store: Session, station: OCPPStation, at: datetime, energy_wh: int, cost: str, tax: str, **more: object
) -> None:
    columns = {"cost": Decimal(cost), "tax": Decimal(tax), "verdict": "counted", **more}
    factories.add_session(store, station, at, energy_wh=energy_wh, **columns)  # type: ignore[arg-type]


def _told(parts: list[Part]) -> list[tuple[str, int | None, str, int, Decimal]]:
    return [
        (each.name, each.version, each.currency, each.earned.sessions, each.earned.gross) for each in parts
    ]


def test_every_currency_has_its_own_sums_and_average_price(engine: Engine, scopes: dict[str, Scope]) -> None:
    with reading(engine) as store:
        found = revenue.by_currency(store, scopes["addis"], MARCH)
    assert found == {
        "ETB": Earned(2, 40_000, Decimal("700.00"), Decimal("91.30")),
        "EUR": Earned(1, 20_000, Decimal("10.00"), Decimal("1.60")),
    }
    assert found["ETB"].net == Decimal("608.70")
    # Neither 15, the mean of both prices, nor anything with the session that is held back.
    assert found["ETB"].price_per_kwh == Decimal("17.5")


def test_a_version_of_a_tariff_has_the_sessions_that_were_charged_by_it(
    engine: Engine, scopes: dict[str, Scope]
) -> None:
    with reading(engine) as store:
        assert _told(revenue.by_tariff(store, scopes["network"], MARCH)) == [
            ("Day", 2, "ETB", 2, Decimal("680.00")),
            ("Day", 1, "ETB", 1, Decimal("100.00")),
            ("", None, "EUR", 1, Decimal("10.00")),
        ]


def test_stations_and_owners_are_ranked_within_their_currency(
    engine: Engine, scopes: dict[str, Scope]
) -> None:
    with reading(engine) as store:
        assert _told(revenue.by_station(store, scopes["network"], MARCH)) == [
            ("Bole", None, "ETB", 2, Decimal("700.00")),
            ("Adama", None, "ETB", 1, Decimal("80.00")),
            ("Berlin", None, "EUR", 1, Decimal("10.00")),
        ]
        assert _told(revenue.by_owner(store, scopes["network"], MARCH)) == [
            ("Addis", None, "ETB", 2, Decimal("700.00")),
            ("Rift", None, "ETB", 1, Decimal("80.00")),
            ("Addis", None, "EUR", 1, Decimal("10.00")),
        ]
        assert {each.name for each in revenue.by_owner(store, scopes["addis"], MARCH)} == {"Addis"}


@pytest.mark.parametrize(
    ("grain", "first", "second"),
    [
        ("hour", Bucket(date(2025, 3, 3), 12), Bucket(date(2025, 3, 9), 12)),
        ("day", Bucket(date(2025, 3, 3)), Bucket(date(2025, 3, 9))),
        ("week", Bucket(date(2025, 3, 3)), None),
        ("month", Bucket(date(2025, 3, 1)), None),
    ],
)
def test_a_time_has_what_ended_in_it_by_the_clock_of_the_station(
    engine: Engine, scopes: dict[str, Scope], grain: Grain, first: Bucket, second: Bucket | None
) -> None:
    with reading(engine) as store:
        found = revenue.series(store, scopes["bole"], MARCH, grain)
    earned = {bucket: each["ETB"].gross for bucket, each in found.items() if each}
    assert earned == ({first: 100, second: 600} if second else {first: 700})


def test_what_is_held_back_is_told_beside(engine: Engine, scopes: dict[str, Scope]) -> None:
    with reading(engine) as store:
        assert revenue.held(store, scopes["bole"], MARCH) == {"ETB": Held(1, 900_000, Decimal("9000.00"))}
        assert revenue.held(store, scopes["bole"], MARCH.previous()) == {}


def test_the_least_used_stations_include_those_without_a_session(
    engine: Engine, scopes: dict[str, Scope]
) -> None:
    with reading(engine) as store:
        found = rankings.least_used(store, scopes["network"], MARCH, 3)
        assert [(each.name, each.sessions, each.energy_wh) for each in found] == [
            ("Awash", 0, 0),
            ("Adama", 1, 4_000),
            ("Berlin", 1, 20_000),
        ]
        (only,) = rankings.least_used(store, scopes["bole"], MARCH.previous(), 3)
        assert (only.name, only.energy_wh) == ("Bole", 5_000)


def test_a_file_tells_the_period_before_beside_each_amount(engine: Engine, scopes: dict[str, Scope]) -> None:
    with reading(engine) as store:
        asked = Asked(scope=scopes["bole"], now=SUNDAY, settings=load(None), period=MARCH)
        table = EXPORTS["revenue-by-tariff"].make(store, asked)
        lines = b"".join(FORMATS["csv"].write(table)).decode("utf-8-sig").splitlines()
    # Of March ten days are known, and so the period before has as many.
    assert lines[1:] == [
        "Day,DAY,2,ETB,1,30.000,600.00,78.26,521.74,20.0000,0.00",
        "Day,DAY,1,ETB,1,10.000,100.00,13.04,86.96,10.0000,50.00",
    ]
