"""`manage.py export`: a table or a report as a file, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from db.analytics.buckets import Grain
from db.analytics.scope import Period, Scope
from db.engine import reading
from db.models import OCPPStation, StationOwner, utc_now
from ocpp_integration.exports.catalogue import Asked, Export
from ocpp_integration.exports.files import FORMATS
from ocpp_integration.exports.meter_values import NoSuchSession
from settings import Settings


class ExportRefused(Exception):
    """The file cannot be made as asked; the message says why."""


def write(
    engine: Engine,
    settings: Settings,
    export: Export,
    ending: str,
    output: Path,
    *,
    period: Period | None = None,
    owner_name: str | None = None,
    station_id: str | None = None,
    transaction_id: int | None = None,
    grain: Grain = "day",
    force: bool = False,
) -> int:
    """Make the file `output` and return its size in bytes. Raises `ExportRefused`, and then there is none."""
    if ending not in export.formats:
        raise ExportRefused(f"{export.name} is made as {', '.join(export.formats)}, not as {ending}")
    if export.is_of_one_session and transaction_id is None:
        raise ExportRefused(f"{export.name} is of one session: name its transaction id")
    now = utc_now()
    with replacing(output, force=force) as file, reading(engine) as store:
        asked = Asked(
            scope=scope_of(store, owner_name, station_id),
            now=now,
            settings=settings,
            period=export.period(period, now),
            transaction_id=transaction_id,
            grain=grain,
        )
        try:
            content = export.make(store, asked)
        except NoSuchSession as error:
            raise ExportRefused(str(error)) from error
        for piece in FORMATS[ending].write(content):
            file.write(piece)
    return output.stat().st_size


@contextmanager
def replacing(output: Path, *, force: bool) -> Iterator[IO[bytes]]:
    """A new file beside `output`, which takes its name once it is written: nobody ever sees half of it.

    Raises `ExportRefused`.
    """
    if output.exists() and not force:
        raise ExportRefused(f"{output} is there already: name another file, or add --force to replace it")
    if output.is_dir():
        raise ExportRefused(f"{output} is a folder: name a file in it")
    try:
        made = NamedTemporaryFile(dir=output.parent, prefix=f".{output.name}.", delete=False)  # noqa: SIM115
    except OSError as error:
        raise ExportRefused(f"{output.parent} cannot be written to: {error.strerror}") from error
    try:
        with made as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if force:
            Path(made.name).replace(output)
        else:
            # Unlike a rename this takes no name that somebody else took meanwhile.
            _link(Path(made.name), output)
    except OSError as error:
        raise ExportRefused(f"{output} cannot be written: {error.strerror}") from error
    finally:
        Path(made.name).unlink(missing_ok=True)


def _link(made: Path, output: Path) -> None:
    try:
        output.hardlink_to(made)
    except FileExistsError as error:
        raise ExportRefused(f"{output} was made by somebody else meanwhile") from error
    except OSError:
        # Memory sticks and some shares know no second name of a file.
        if output.exists():
            raise ExportRefused(f"{output} was made by somebody else meanwhile") from None
        made.replace(output)


def scope_of(store: Session, owner_name: str | None, station_id: str | None) -> Scope:
    """The station, else the owner's stations, else all. Raises `ExportRefused` for an unknown name."""
    if station_id is not None:
        return Scope.station(_station(store, station_id, owner_name))
    return Scope.network() if owner_name is None else Scope.owner(_owner(store, owner_name))


def _owner(store: Session, name: str) -> int:
    found = store.scalar(select(StationOwner.id).where(StationOwner.name == name))
    if found is None:
        known = ", ".join(store.scalars(select(StationOwner.name).order_by(StationOwner.name).limit(20)))
        raise ExportRefused(f"no owner is called {name}; there are: {known or 'none'}")
    return found


def _station(store: Session, station_id: str, owner_name: str | None) -> int:
    query = select(OCPPStation.id).where(OCPPStation.station_id == station_id)
    if owner_name is not None:
        query = query.where(OCPPStation.id.in_(Scope.owner(_owner(store, owner_name)).stations()))
    found = store.scalar(query)
    if found is None:
        raise ExportRefused(f"there is no station {station_id}")
    return found
