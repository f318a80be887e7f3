"""The demo: the fleet's owners, users, stations and tariffs, and a history of what they did."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from db.access import authenticate, create_user
from db.engine import make_engine, reading, writing
from db.models import (
    ChargingConnector,
    ChargingStation,
    OCPPConnector,
    OCPPStation,
    StationOwner,
    Tariff,
    User,
    utc_now,
)
from management.demo_history import add_history
from management.demo_keys import give_keys
from management.processes import addresses
from ocpp_integration import tariff_book
from ocpp_integration.pricing import parse
from ocpp_integration.pricing.words import amount
from settings import ConfigurationError, Settings
from simulator.fleet import Connector, Fleet, Owner, Station, load_fleet

ADMIN = "admin"


def create(engine: Engine, settings: Settings, *, days: int) -> bool:
    """Make the demo network with `days` of history, all in one transaction; False where it is there.

    Its charge points have their keys in either case. Raises `ConfigurationError` where others' stations are.
    """
    fleet = load_fleet(settings.simulator_fleet)
    made = _create_network(engine, settings, fleet, days)
    give_keys(settings, fleet)
    return made


def _create_network(engine: Engine, settings: Settings, fleet: Fleet, days: int) -> bool:
    with writing(engine) as store:
        if store.scalar(select(StationOwner.id).where(StationOwner.name == fleet.owners[0].name)):
            return False
        if store.scalar(select(ChargingStation.id).limit(1)):
            raise ConfigurationError(
                "The store has other stations than the demo's, and the two would be mixed: `make up` runs "
                "what is there, and a demo wants a folder of its own."
            )
        if settings.demo_password is None:
            raise ConfigurationError("DEMO_PASSWORD is not set; set it in .env, at least 10 characters")
        _add_users(store, fleet, settings.demo_password.get_secret_value())
        now = utc_now().replace(microsecond=0)
        stations = _add_stations(store, fleet, settings, now - timedelta(days=days))
        add_history(store, fleet, stations, now - timedelta(days=days), now, settings.zone)
        _assign_night_tariff(store, next(iter(stations.values())), settings, now)
    return True


def welcome(settings: Settings) -> str:
    """Addresses, and the logins that still are as the demo made them, for the terminal."""
    password = settings.demo_password.get_secret_value() if settings.demo_password else ""
    sees = {ADMIN: "sees all stations"}
    sees |= {o.user_name: f"sees those of {o.name}" for o in load_fleet(settings.simulator_fleet).owners}
    valid = _still_valid(settings, list(sees), password)
    logins = [f"  Sign in with the password {password} as"] if valid else []
    logins += [f"  {name:<8} {sees[name]}" for name in valid]
    if changed := [name for name in sees if name not in valid]:
        logins.append(
            f"  Changed since the demo was made: {', '.join(changed)} (`list-users`, `set-password`)."
        )
    return "\n".join((addresses(settings), "", *logins, "", "  Ctrl-C ends it."))


def _still_valid(settings: Settings, names: list[str], password: str) -> list[str]:
    engine = make_engine(settings.database_url)
    try:
        with reading(engine) as store:
            return [name for name in names if authenticate(store, name, password)]
    finally:
        engine.dispose()


def _add_users(store: Session, fleet: Fleet, password: str) -> None:
    if not store.scalar(select(User.id).where(User.user_name == ADMIN)):
        create_user(store, user_name=ADMIN, role="admin", password=password, name="Administrator")
    for owner in fleet.owners:
        row = StationOwner(name=owner.name)
        store.add(row)
        create_user(
            store,
            user_name=owner.user_name,
            role="owner",
            password=password,
            name=owner.user_name.title(),
            owner=row,
        )


def _add_stations(
    store: Session, fleet: Fleet, settings: Settings, since: datetime
) -> dict[str, OCPPStation]:
    """The fleet's stations by OCPP id."""
    owners = {owner.key: _owner_row(store, owner) for owner in fleet.owners}
    prices = sorted({c.price_per_kwh for station in fleet.stations for c in station.connectors})
    tariffs = {price: _tariff(settings, price, since) for price in prices}
    rows = [_station_row(station, owners[station.owner], tariffs, settings) for station in fleet.stations]
    store.add_all(rows)
    store.flush()
    return {row.station_id: row for row in rows}


def _assign_night_tariff(store: Session, station: OCPPStation, settings: Settings, now: datetime) -> None:
    """From now on one station asks less at night, and something of who stands idle."""
    place = station.charging_station
    day = max(each.tariff.price_per_kwh for each in place.connectors if each.tariff)

    def asks(kind: str, price: Decimal, **more: int) -> dict[str, object]:
        return {"type": kind, "price": price, "vat": settings.vat_percent, "step_size": 1, **more}

    night = {"start_time": "22:00", "end_time": "06:00"}
    document = {
        "currency": place.currency,
        "tax_included": "YES",
        "elements": [
            {"price_components": [asks("ENERGY", round(day * 3 / 4, 2))], "restrictions": night},
            {"price_components": [asks("ENERGY", day), asks("PARKING_TIME", Decimal(60), grace_seconds=900)]},
        ],
    }
    made = tariff_book.add_version(store, None, parse(document), code="NIGHT", name="Night and idle", now=now)
    here = tariff_book.find_station(store, station.station_id)
    tariff_book.assign(store, None, made.code or "", here, now=now)


def _owner_row(store: Session, owner: Owner) -> StationOwner:
    return store.scalars(select(StationOwner).where(StationOwner.name == owner.name)).one()


def _tariff(settings: Settings, price: Decimal, since: datetime) -> Tariff:
    return Tariff(
        name=f"{amount(price)} {settings.currency} per kWh",
        currency=settings.currency,
        price_per_kwh=price,
        vat_percent=settings.vat_percent,
        valid_from=since,
    )


def _station_row(
    station: Station, owner: StationOwner, tariffs: dict[Decimal, Tariff], settings: Settings
) -> OCPPStation:
    connectors = [
        _connector_row(number, connector, tariffs) for number, connector in station.numbered_connectors
    ]
    place = ChargingStation(
        id=station.id,
        owner=owner,
        name=station.name,
        address=station.address,
        city=station.city,
        country="Ethiopia",
        latitude=station.latitude,
        longitude=station.longitude,
        timezone=settings.timezone,
        currency=settings.currency,
        connectors=connectors,
    )
    return OCPPStation(
        station_id=station.station_id,
        charging_station=place,
        vendor=station.vendor,
        model=station.model,
        connectors=[OCPPConnector(connector_id=c.number, charging_connector=c) for c in connectors],
    )


def _connector_row(number: int, connector: Connector, tariffs: dict[Decimal, Tariff]) -> ChargingConnector:
    return ChargingConnector(
        number=number,
        connector_type=connector.type,
        power_w=connector.power_kw * 1000,
        tariff=tariffs[connector.price_per_kwh],
    )
