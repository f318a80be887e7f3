"""What people change about tariffs, and the lists of them.

Each change leaves its audit row in the same transaction. `by` is who makes it, None at the command line;
whether that user may is for the caller to know. What is past is never changed: versions and assignments begin
now or later.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from db import audit
from db.models import (
    ChargingConnector,
    ChargingStation,
    OCPPStation,
    StationOwner,
    Tariff,
    TariffAssignment,
    User,
)
from ocpp_integration.naming import told_apart
from ocpp_integration.pricing import TariffDocument
from ocpp_integration.pricing.words import in_words
from ocpp_integration.tariffs import document_of, version_in_force

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}")
Kind = Literal["connector", "station", "owner"]


class TariffRefused(ValueError):
    """The tariff cannot be changed or assigned as asked; the message says why."""


@dataclass(frozen=True)
class Place:
    """Where a tariff may hold: `id` is the key of a charging connector, a charging station or an owner."""

    kind: Kind
    id: int | UUID
    name: str


@dataclass(frozen=True)
class TariffRow:
    """A tariff through its versions: `current` is in force now, `coming` begins later, None where none is."""

    code: str
    name: str
    currency: str
    versions: int
    current: Tariff | None
    coming: Tariff | None
    places: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        shown = self.current or self.coming
        return in_words(document_of(shown)) if shown else []


@dataclass(frozen=True)
class AssignmentRow:
    id: int
    code: str
    kind: Kind
    place: str
    valid_from: datetime
    valid_until: datetime | None


def add_version(
    store: Session,
    by: User | None,
    document: TariffDocument,
    *,
    code: str,
    now: datetime,
    name: str = "",
    valid_from: datetime | None = None,
) -> Tariff:
    """A new version of the tariff `code`, its first where there is none. Raises `TariffRefused`.

    It begins at `valid_from`, else when its document says, if that is to come, else now.
    """
    if not _CODE.fullmatch(code):
        raise TariffRefused("a code has up to 36 letters, digits, dots, dashes and underscores")
    check_sellable(document)
    known = versions(store, code)
    if known and known[-1].currency != document.currency:
        raise TariffRefused(f"{code} is in {known[-1].currency}; another currency needs a code of its own")
    begins = valid_from or max(now, document.start_date_time or now)
    _check_not_past(begins, now)
    if document.end_date_time is not None and document.end_date_time <= begins:
        raise TariffRefused("it would end before it begins")
    price, vat = document.headline()
    tariff = Tariff(
        code=code,
        version=len(known) + 1,
        name=name or (known[-1].name if known else code),
        currency=document.currency,
        price_per_kwh=price,
        vat_percent=vat,
        document=None if document.is_plain else document.stored(),
        valid_from=begins,
        valid_until=document.end_date_time,
    )
    try:
        with store.begin_nested():
            store.add(tariff)
    except IntegrityError as error:
        # On PostgreSQL two may have counted the versions at once.
        raise TariffRefused(f"another version of {code} was added just now; look at it first") from error
    told = {"from": _told(begins), "price": "; ".join(in_words(document))[:1000]}
    audit.record(store, by, "add tariff", f"{code} version {tariff.version}", told, at=now)
    return tariff


def check_sellable(document: TariffDocument) -> None:
    """Raises `TariffRefused` for a tariff of which a part would never be asked for."""
    if document.prices_reservations:
        raise TariffRefused(
            "it has prices of reservations, and connectors cannot be reserved here, so that nobody would pay "
            "them: leave its elements with the restriction reservation out"
        )


def assign(
    store: Session,
    by: User | None,
    code: str,
    place: Place,
    *,
    now: datetime,
    valid_from: datetime | None = None,
) -> TariffAssignment:
    """Have the tariff hold there from `valid_from` (else now) on, instead of the one before.

    Raises `TariffRefused`.
    """
    known = versions(store, code)
    if not known:
        raise TariffRefused(f"no tariff is called {code}")
    currencies = set(store.scalars(select(ChargingStation.currency).where(_stations_at(place))))
    if currencies and known[-1].currency not in currencies:
        others = ", ".join(sorted(currencies))
        raise TariffRefused(f"{code} is in {known[-1].currency}, {place.name} in {others}")
    begins = valid_from or now
    _check_not_past(begins, now)
    for former in store.scalars(select(TariffAssignment).where(_is_at(place), _lasts_until_after(begins))):
        former.valid_until = max(begins, former.valid_from)
    where = {_COLUMNS[place.kind]: place.id}
    assignment = TariffAssignment(code=code, valid_from=begins, created_at=now, **where)
    store.add(assignment)
    store.flush()
    told = {"from": _told(begins), "number": str(assignment.id)}
    audit.record(store, by, "assign tariff", f"{code} to {place.name}", told, at=now)
    return assignment


def end(
    store: Session, by: User | None, assignment_id: int, *, now: datetime, at: datetime | None = None
) -> AssignmentRow:
    """Have an assignment hold no longer from `at` (else now) on; one that ends before that stays as it is.

    Raises `TariffRefused`.
    """
    assignment = store.get(TariffAssignment, assignment_id)
    if assignment is None:
        raise TariffRefused(f"there is no assignment {assignment_id}")
    known = assignment.valid_until
    if known is not None and known <= max(now, assignment.valid_from):
        raise TariffRefused(f"assignment {assignment_id} has ended already")
    ends = at or now
    _check_not_past(ends, now)
    ends = max(ends if known is None else min(ends, known), assignment.valid_from)
    assignment.valid_until = ends
    row = _assignment_row(assignment)
    told = {"from": _told(ends), "number": str(assignment.id)}
    audit.record(store, by, "end tariff", f"{row.code} at {row.place}", told, at=now)
    return row


def versions(store: Session, code: str) -> list[Tariff]:
    """Oldest first; none where no tariff is called so."""
    return list(store.scalars(select(Tariff).where(Tariff.code == code).order_by(Tariff.version)))


def list_tariffs(store: Session, now: datetime) -> list[TariffRow]:
    by_code: dict[str, list[Tariff]] = {}
    for tariff in store.scalars(
        select(Tariff).where(Tariff.code.is_not(None)).order_by(Tariff.code, Tariff.version)
    ):
        by_code.setdefault(tariff.code or "", []).append(tariff)
    holding: dict[str, list[str]] = {}
    for row in list_assignments(store, now):
        holding.setdefault(row.code, []).append(row.place)
    return [_tariff_row(code, known, tuple(holding.get(code, ())), now) for code, known in by_code.items()]


def list_assignments(
    store: Session, now: datetime, *, code: str | None = None, with_ended: bool = False
) -> list[AssignmentRow]:
    """Those that hold or are to come, newest first; `with_ended` all that ever were."""
    query = select(TariffAssignment).options(
        joinedload(TariffAssignment.owner),
        joinedload(TariffAssignment.station),
        joinedload(TariffAssignment.connector).joinedload(ChargingConnector.station),
    )
    if code is not None:
        query = query.where(TariffAssignment.code == code)
    if not with_ended:
        query = query.where(_lasts_until_after(now), _ever_holds())
    return [_assignment_row(each) for each in store.scalars(query.order_by(TariffAssignment.id.desc()))]


def list_places(store: Session) -> list[Place]:
    """Every owner, station and connector that a tariff can be assigned to, each by a name of its own."""
    owners = store.scalars(select(StationOwner).order_by(StationOwner.name)).all()
    stations = store.scalars(
        select(ChargingStation)
        .where(ChargingStation.is_active)
        .options(joinedload(ChargingStation.connectors))
        .order_by(ChargingStation.name, ChargingStation.id)
    )
    active = stations.unique().all()
    names = _told_apart(store, active)
    places = [_owner_place(owner) for owner in owners]
    for station in active:
        name = names[station.id]
        places.append(Place("station", station.id, name))
        places += [_connector_place(each, name) for each in station.connectors if each.is_active]
    return places


def _told_apart(store: Session, stations: Sequence[ChargingStation]) -> dict[UUID, str]:
    """The names of stations, with their OCPP ids where several have one name."""
    rows = store.execute(select(OCPPStation.charging_station_id, OCPPStation.station_id))
    ocpp_ids: dict[UUID, str] = dict(rows.all())
    return told_apart({each.id: each.name for each in stations}, ocpp_ids)


def find_owner(store: Session, name: str) -> Place:
    """Raises `TariffRefused`."""
    owner = store.scalar(select(StationOwner).where(StationOwner.name == name))
    if owner is None:
        raise TariffRefused(f"no owner is called {name}")
    return _owner_place(owner)


def find_station(store: Session, station_id: str) -> Place:
    """By the OCPP id. Raises `TariffRefused`."""
    row = store.scalar(select(OCPPStation).where(OCPPStation.station_id == station_id))
    if row is None:
        raise TariffRefused(f"no station has the OCPP id {station_id}")
    return Place("station", row.charging_station_id, row.charging_station.name)


def find_connector(store: Session, station_id: str, number: int) -> Place:
    """By the station's OCPP id and the connector's number. Raises `TariffRefused`."""
    station = find_station(store, station_id)
    connector = store.scalar(
        select(ChargingConnector).where(
            ChargingConnector.station_id == station.id, ChargingConnector.number == number
        )
    )
    if connector is None:
        raise TariffRefused(f"{station_id} has no connector {number}")
    return _connector_place(connector)


_COLUMNS: dict[Kind, str] = {
    "connector": "charging_connector_id",
    "station": "charging_station_id",
    "owner": "owner_id",
}


def _is_at(place: Place) -> ColumnElement[bool]:
    column: ColumnElement[int | UUID] = getattr(TariffAssignment, _COLUMNS[place.kind])
    return column == place.id


def _stations_at(place: Place) -> ColumnElement[bool]:
    if place.kind == "owner":
        return ChargingStation.owner_id == place.id
    if place.kind == "station":
        return ChargingStation.id == place.id
    return ChargingStation.connectors.any(ChargingConnector.id == place.id)


def _lasts_until_after(moment: datetime) -> ColumnElement[bool]:
    return or_(TariffAssignment.valid_until.is_(None), TariffAssignment.valid_until > moment)


def _ever_holds() -> ColumnElement[bool]:
    """Not of one that was ended before it had begun."""
    return or_(
        TariffAssignment.valid_until.is_(None), TariffAssignment.valid_until > TariffAssignment.valid_from
    )


def _check_not_past(moment: datetime, now: datetime) -> None:
    if moment < now:
        raise TariffRefused("it would change what is past; sessions have been billed since")


def _connector_place(connector: ChargingConnector, station: str | None = None) -> Place:
    return Place(
        "connector", connector.id, f"{station or connector.station.name} connector {connector.number}"
    )


def _tariff_row(code: str, known: list[Tariff], places: tuple[str, ...], now: datetime) -> TariffRow:
    coming = [each for each in known if each.valid_from > now]
    return TariffRow(
        code,
        known[-1].name,
        known[-1].currency,
        len(known),
        version_in_force(known, now),
        min(coming, key=lambda each: each.valid_from, default=None),
        places,
    )


def _assignment_row(assignment: TariffAssignment) -> AssignmentRow:
    place = _place_of(assignment)
    return AssignmentRow(
        assignment.id,
        assignment.code,
        place.kind,
        place.name,
        assignment.valid_from,
        assignment.valid_until,
    )


def _place_of(assignment: TariffAssignment) -> Place:
    if assignment.connector is not None:
        return _connector_place(assignment.connector)
    if assignment.station is not None:
        return Place("station", assignment.station.id, assignment.station.name)
    if assignment.owner is not None:
        return _owner_place(assignment.owner)
    raise ValueError(f"assignment {assignment.id} is to nothing")


def _owner_place(owner: StationOwner) -> Place:
    return Place("owner", owner.id, f"all stations of {owner.name}")


def _told(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
