"""A plan's changes into the store: kind of change to handler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from db import audit, rollups
from db.engine import reading, writing
from db.models import (
    ChargingConnector,
    ChargingStation,
    OCPPStation,
    StationOwner,
    Tariff,
    TariffAssignment,
    utc_now,
)
from ocpp_integration.platform.changes import (
    ConnectorAdded,
    ConnectorChanged,
    OwnerAdded,
    OwnerRenamed,
    StationAdded,
    StationChanged,
    StationIdentified,
)
from ocpp_integration.platform.known import read_known
from ocpp_integration.platform.listing import Listing
from ocpp_integration.platform.planning import Plan, Rules, make_plan
from ocpp_integration.pricing.words import amount


@dataclass(frozen=True)
class Terms:
    """What a list does not tell of new stations and their prices."""

    timezone: str
    currency: str
    vat_percent: Decimal


@dataclass(frozen=True)
class ByHand:
    """That a person had the list carried out: what the audit log says of it, besides the changes' number."""

    action: str
    subject: str
    details: Mapping[str, str] = field(default_factory=dict)


def carry_out(
    engine: Engine,
    listing: Listing,
    rules: Rules,
    terms: Terms,
    *,
    now: datetime,
    dry_run: bool = False,
    by_hand: ByHand | None = None,
) -> Plan:
    """Bring the store to what the list says, in one transaction; returns what that changed.

    A dry run changes nothing. Where there is nothing to change, nothing is locked or written.
    """
    with reading(engine) as store:
        plan = make_plan(read_known(store), listing, rules)
    if dry_run or not plan.changes:
        return plan
    with writing(engine) as store:
        _bar_other_writers(store)
        plan = make_plan(read_known(store), listing, rules)
        _apply(store, plan, terms, now)
        if by_hand and plan.changes:
            told = {"changes": str(len(plan.changes)), **by_hand.details}
            audit.record(store, None, by_hand.action, by_hand.subject, told, at=now)
    return plan


def _bar_other_writers(store: Session) -> None:
    """Two pulls that plan at once would both add the same station."""
    if store.get_bind().dialect.name == "postgresql":
        store.execute(text("LOCK TABLE charging_stations IN SHARE ROW EXCLUSIVE MODE"))


def _apply(store: Session, plan: Plan, terms: Terms, now: datetime) -> None:
    applying = _Applying(store, terms, now)
    for change in plan.changes:
        HANDLERS[type(change)](applying, change)
    applying.move_sums()


class _Applying:
    def __init__(self, store: Session, terms: Terms, now: datetime):
        self.store = store
        self._terms = terms
        self._now = now
        self._owners = {owner.name: owner for owner in store.scalars(select(StationOwner))}
        self._tariffs: dict[tuple[str, Decimal], Tariff] = {}
        # Asking the store for one that was just added would write it alone.
        self._places: dict[UUID, ChargingStation] = {}
        self._former_owners: dict[UUID, int] = {}

    def add_owner(self, change: OwnerAdded) -> None:
        self._owners[change.name] = StationOwner(name=change.name)
        self.store.add(self._owners[change.name])

    def rename_owner(self, change: OwnerRenamed) -> None:
        owner = self._owners.pop(change.before)
        owner.name = change.after
        self._owners[change.after] = owner

    def add_station(self, change: StationAdded) -> None:
        place = ChargingStation(
            id=change.id,
            owner=self._owners[change.owner],
            timezone=self._terms.timezone,
            currency=self._terms.currency,
            source=change.source,
            connectors=[],
            **change.fields,
        )
        self.store.add(place)
        self._places[change.id] = place
        if change.ocpp_id is not None:
            self.store.add(OCPPStation(station_id=change.ocpp_id, charging_station=place))

    def identify_station(self, change: StationIdentified) -> None:
        """The id is the key that connectors refer to: they move to a row that has the new one."""
        before = self._station(change.before)
        columns = {
            column.name: getattr(before, column.name)
            for column in ChargingStation.__table__.columns
            if column.name not in ("id", "updated_at")
        }
        after = ChargingStation(id=change.after, **columns)
        self.store.add(after)
        for row in self.store.scalars(
            select(OCPPStation).where(OCPPStation.charging_station_id == before.id)
        ):
            row.charging_station = after
        for connector in list(before.connectors):
            connector.station = after
        for assignment in self.store.scalars(
            select(TariffAssignment).where(TariffAssignment.charging_station_id == before.id)
        ):
            assignment.station = after
        self.store.flush()
        self.store.delete(before)
        self.store.flush()

    def change_station(self, change: StationChanged) -> None:
        place = self._station(change.id)
        if change.field == "owner":
            self._former_owners[place.id] = place.owner_id
            place.owner = self._owners[change.after]
        else:
            setattr(place, change.field, change.after)

    def add_connector(self, change: ConnectorAdded) -> None:
        place = self._touched(change.id)
        columns = dict(change.fields)
        price = columns.pop("price_per_kwh", None)
        tariff = None if price is None else self._tariff(place.currency, price)
        place.connectors.append(ChargingConnector(number=change.number, tariff=tariff, **columns))

    def change_connector(self, change: ConnectorChanged) -> None:
        place = self._touched(change.id)
        connector = next(each for each in place.connectors if each.number == change.number)
        if change.field == "price_per_kwh":
            connector.tariff = self._tariff(place.currency, change.after)
        else:
            setattr(connector, change.field, change.after)

    def move_sums(self) -> None:
        """The statistics of a station that changed hands go to its new owner.

        Stations are held in the order in which workers hold theirs, and after the platform's own rows, as
        whoever tells the backend does.
        """
        if not self._former_owners:
            return
        self.store.flush()
        held = (
            select(OCPPStation)
            .where(OCPPStation.charging_station_id.in_(self._former_owners))
            .order_by(OCPPStation.id)
            .with_for_update(of=OCPPStation, key_share=True)
        )
        for row in self.store.scalars(held).all():
            place = row.charging_station
            rollups.move_station(self.store, row.id, self._former_owners[place.id], place.owner_id)

    def _station(self, id: UUID) -> ChargingStation:
        if id not in self._places:
            self._places[id] = self.store.get_one(ChargingStation, id)
        return self._places[id]

    def _touched(self, id: UUID) -> ChargingStation:
        """The station, changed with its connector: whoever tells the backend waits for its row."""
        place = self._station(id)
        place.updated_at = utc_now()
        return place

    def _tariff(self, currency: str, price: Decimal) -> Tariff:
        """A version of its own for each price that begins now: sessions that began before keep theirs."""
        if (currency, price) not in self._tariffs:
            self._tariffs[currency, price] = Tariff(
                name=f"{amount(price)} {currency} per kWh",
                currency=currency,
                price_per_kwh=price,
                vat_percent=self._terms.vat_percent,
                valid_from=self._now,
            )
        return self._tariffs[currency, price]


HANDLERS: dict[type, Callable[[_Applying, Any], None]] = {
    OwnerAdded: _Applying.add_owner,
    OwnerRenamed: _Applying.rename_owner,
    StationAdded: _Applying.add_station,
    StationIdentified: _Applying.identify_station,
    StationChanged: _Applying.change_station,
    ConnectorAdded: _Applying.add_connector,
    ConnectorChanged: _Applying.change_connector,
}
