"""`manage.py tariffs` and `reprice`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from db.analytics.scope import Period
from db.engine import reading, writing
from db.models import Tariff, utc_now
from management.exports import scope_of
from management.table import print_table
from ocpp_integration import tariff_book
from ocpp_integration.pricing import TariffDocument, parse
from ocpp_integration.pricing.words import in_words
from ocpp_integration.repricing import Repriced, reprice
from ocpp_integration.tariff_book import Place, TariffRefused
from ocpp_integration.tariffs import document_of


def print_tariffs(engine: Engine) -> None:
    now = utc_now()
    with reading(engine) as store:
        rows = [
            (
                row.code,
                row.name,
                f"{row.current.version} of {row.versions}" if row.current else f"none of {row.versions}",
                "; ".join(row.words),
                ", ".join(row.places) or "nowhere",
            )
            for row in tariff_book.list_tariffs(store, now)
        ]
        assignments = [
            (str(row.id), row.code, row.place, _minute(row.valid_from), _minute(row.valid_until))
            for row in tariff_book.list_assignments(store, now)
        ]
    print_table(("code", "name", "version", "price", "holds at"), rows, none="There is no tariff.")
    if assignments:
        print()
        print_table(("number", "code", "holds at", "from", "until"), assignments)


def print_versions(engine: Engine, code: str) -> None:
    """Raises `TariffRefused`."""
    with reading(engine) as store:
        known = tariff_book.versions(store, code)
    if not known:
        raise TariffRefused(f"no tariff is called {code}")
    for tariff in known:
        print(f"{code} version {tariff.version}: {tariff.name}, {tariff.currency}, {_validity(tariff)}")
        for line in in_words(document_of(tariff)):
            print(f"    {line}")


def add(engine: Engine, file: Path, *, code: str | None, name: str, begins: datetime | None) -> Tariff:
    """Raises `InvalidTariff` and `TariffRefused`."""
    document = read_file(file)
    with writing(engine) as store:
        return tariff_book.add_version(
            store,
            None,
            document,
            code=code or document.id or file.stem,
            name=name,
            now=utc_now(),
            valid_from=begins,
        )


def read_file(file: Path) -> TariffDocument:
    """Raises `InvalidTariff`, and `TariffRefused` where there is no such file, or it could not be sold."""
    try:
        document = parse(file.read_bytes())
    except OSError as error:
        raise TariffRefused(f"{file} cannot be read: {error.strerror}") from error
    tariff_book.check_sellable(document)
    return document


def assign(
    engine: Engine,
    code: str,
    *,
    owner: str | None,
    station: str | None,
    connector: int | None,
    begins: datetime | None,
) -> str:
    """Returns the name of the place. Raises `TariffRefused`."""
    with writing(engine) as store:
        place = _place(store, owner, station, connector)
        tariff_book.assign(store, None, code, place, now=utc_now(), valid_from=begins)
        return place.name


def end(engine: Engine, number: int, at: datetime | None) -> tariff_book.AssignmentRow:
    """Raises `TariffRefused`."""
    with writing(engine) as store:
        return tariff_book.end(store, None, number, now=utc_now(), at=at)


def print_repriced(
    engine: Engine,
    period: Period,
    *,
    owner: str | None,
    station: str | None,
    candidate: TariffDocument | None,
) -> Sequence[Repriced]:
    with reading(engine) as store:
        found = reprice(store, scope_of(store, owner, station), period, candidate)
    heads = ("currency", "sessions", "energy", "booked", "anew", "difference", "differing", "without tariff")
    print_table(heads, [_repriced(each) for each in found])
    return found


def find_document(engine: Engine, code: str, version: int | None) -> TariffDocument:
    """Of the newest version, unless one is named. Raises `TariffRefused`."""
    with reading(engine) as store:
        known = tariff_book.versions(store, code)
    wanted = [each for each in known if version in (None, each.version)]
    if not wanted:
        raise TariffRefused(f"there is no tariff {code}{'' if version is None else f' version {version}'}")
    return document_of(wanted[-1])


def _place(store: Session, owner: str | None, station: str | None, connector: int | None) -> Place:
    if station is None:
        return tariff_book.find_owner(store, owner or "")
    if connector is None:
        return tariff_book.find_station(store, station)
    return tariff_book.find_connector(store, station, connector)


def _repriced(found: Repriced) -> tuple[str, ...]:
    return (
        found.currency,
        f"{found.sessions:,}",
        f"{found.energy_wh / 1000:,.3f} kWh",
        f"{found.booked:,.2f}",
        f"{found.anew:,.2f}",
        f"{found.anew - found.booked:+,.2f}",
        f"{found.differing:,}",
        f"{found.without_tariff:,}",
    )


def _validity(tariff: Tariff) -> str:
    ends = f" until {_minute(tariff.valid_until)}" if tariff.valid_until else ""
    return f"from {_minute(tariff.valid_from)}{ends}"


def _minute(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "-"
