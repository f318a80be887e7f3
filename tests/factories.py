"""Small makers of stores and of the rows in them. Each returns the row it made, with its id."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, event, func, select
from sqlalchemy.orm import Session
from werkzeug.security import generate_password_hash

from db import access, rollups
from db import migrate as migrations
from db.engine import make_engine
from db.migrate import upgrade
from db.models import (
    ChargingConnector,
    ChargingSession,
    ChargingStation,
    ConnectorStatusInterval,
    OCPPConnector,
    OCPPStation,
    SessionMeterValue,
    StationOwner,
    Tariff,
    User,
)

PASSWORD = "a long enough password"
# The product's own hash takes longer than most tests run.
_QUICK_HASH = generate_password_hash(PASSWORD, "pbkdf2:sha256:1")
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


def make_store(folder: Path, name: str = "store.db") -> Engine:
    """The engine of a new SQLite store with the newest schema. It need not outlive a power cut."""
    (folder / name).write_bytes(_newest_schema())
    return _hurried(make_engine(f"sqlite:///{folder / name}"))


def renew_store(engine: Engine) -> None:
    """Put a new, empty file in the place of a SQLite store and of all that is kept beside it.

    Who has the old one open keeps it, deleted.
    """
    engine.dispose()
    file = Path(engine.url.database or "")
    shutil.rmtree(file.parent)
    file.parent.mkdir()
    file.write_bytes(_newest_schema())


@cache
def _newest_schema() -> bytes:
    """A SQLite file with the newest schema, made once: the migrations take longer than most tests."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "store.db"
        engine = make_engine(f"sqlite:///{file}")
        upgrade(engine)
        engine.dispose()
        return file.read_bytes()


def downgrade(engine: Engine, revision: str) -> None:
    """Take the store back to an earlier schema, as a version before this one has it."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent / "migrations"))
    if engine.dialect.name == "sqlite":
        # A table that others refer to is made anew there, which this would not let pass.
        engine = make_engine(engine.url.render_as_string(hide_password=False))
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys=OFF"))
    with engine.execution_options(writes=True).begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
    engine.dispose()


def _hurried(engine: Engine) -> Engine:
    """The same SQLite store, whose commits do not wait for the disk."""

    def prepare(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    event.listen(engine, "connect", prepare)
    return engine


def add_owner(store: Session, name: str = "Addis Charge") -> StationOwner:
    owner = StationOwner(name=name)
    store.add(owner)
    store.flush()
    return owner


def add_user(
    store: Session, user_name: str = "admin", role: str = "admin", owner: StationOwner | None = None
) -> User:
    """A user whose password is `PASSWORD`."""
    user = access.create_user(store, user_name=user_name, role=role, name=user_name.title(), owner=owner)
    user.password_hash = _QUICK_HASH
    store.flush()
    return user


def add_tariff(store: Session, price: Decimal = Decimal(10), currency: str = "ETB") -> Tariff:
    tariff = Tariff(
        name=f"{price} {currency}",
        currency=currency,
        price_per_kwh=price,
        vat_percent=Decimal(15),
        valid_from=EPOCH,
    )
    store.add(tariff)
    store.flush()
    return tariff


def add_station(
    store: Session,
    owner: StationOwner,
    name: str = "Bole Road",
    *,
    station_id: str | None = None,
    connectors: int = 2,
    power_w: int = 60_000,
    connector_type: str = "ccs2",
    status: str = "available",
    is_online: bool = True,
    tariff: Tariff | None = None,
    timezone: str = "Africa/Addis_Ababa",
    currency: str = "ETB",
) -> OCPPStation:
    """A charge point with its platform station and `connectors` connectors in `status`."""
    place = ChargingStation(owner=owner, name=name, timezone=timezone, currency=currency)
    station = OCPPStation(
        station_id=station_id or f"STATION_{name.upper().replace(' ', '_')}",
        charging_station=place,
        is_online=is_online,
        status="available" if is_online else "unavailable",
        last_heartbeat=datetime.now(UTC) if is_online else None,
    )
    for number in range(1, connectors + 1):
        described = ChargingConnector(
            station=place, number=number, connector_type=connector_type, power_w=power_w, tariff=tariff
        )
        station.connectors.append(
            OCPPConnector(connector_id=number, charging_connector=described, status=status)
        )
    store.add(station)
    store.flush()
    return station


def add_session(
    store: Session,
    station: OCPPStation,
    start: datetime,
    *,
    minutes: int | None = 30,
    energy_wh: int = 12_500,
    cost: Decimal | None = Decimal("125.00"),
    status: str = "completed",
    connector: int = 1,
    **columns: object,
) -> ChargingSession:
    """A session that ended after `minutes` (None while it runs). `columns` are set as they come."""
    newest = store.scalar(select(func.max(ChargingSession.transaction_id))) or 1000
    described = station.connectors[connector - 1].charging_connector
    known: dict[str, object] = {
        "transaction_id": newest + 1,
        "id_tag": "TAG1",
        "meter_start": 0,
        "tariff_id": described.tariff_id if described else None,
        "heard_at": start,
    }
    session = ChargingSession(
        station=station,
        connector=station.connectors[connector - 1],
        start_time=start,
        stop_time=None if minutes is None else start + timedelta(minutes=minutes),
        energy_wh=energy_wh,
        cost=cost,
        status=status,
        **known | columns,
    )
    store.add(session)
    store.flush()
    return session


def add_meter_values(
    store: Session, session: ChargingSession, samples: list[tuple[datetime, int, int]]
) -> None:
    """Samples of (time, Wh since the start, W), as a charge point reports them."""
    for timestamp, energy_wh, power_w in samples:
        register = Decimal((session.meter_start or 0) + energy_wh)
        for measurand, value, unit in (
            ("energy_active_import_register", register, "Wh"),
            ("power_active_import", Decimal(power_w), "W"),
        ):
            store.add(
                SessionMeterValue(
                    session_id=session.id, timestamp=timestamp, measurand=measurand, value=value, unit=unit
                )
            )
    store.flush()


def add_status(
    store: Session,
    connector: OCPPConnector,
    status: str,
    start: datetime,
    end: datetime | None = None,
    error_code: str = "",
) -> ConnectorStatusInterval:
    """The connector was in `status` from `start` to `end` (None: it still is)."""
    interval = ConnectorStatusInterval(
        ocpp_connector_id=connector.id,
        status=status,
        error_code=error_code,
        started_at=start,
        ended_at=end,
    )
    store.add(interval)
    store.flush()
    return interval


def roll_up(store: Session, first: date, last: date) -> None:
    """Make the sums of the months from `first`'s to `last`'s from the rows that are there."""
    store.flush()
    rollups.rebuild(store, first, last)
