"""Which tariff holds where, and when: a connector's own, else its station's, else its owner's, else the
platform's price.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from functools import cached_property

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import ChargingConnector, Tariff, TariffAssignment
from ocpp_integration.pricing import TariffDocument, parse, plain


def document_of(tariff: Tariff) -> TariffDocument:
    """What is billed by, whether the tariff has a document or is a price per kWh."""
    if tariff.document is None:
        return plain(tariff.currency, tariff.price_per_kwh, tariff.vat_percent)
    return parse(tariff.document)


class Tariffs:
    """The tariffs that were made and assigned here, read once, when somebody first asks."""

    def __init__(self, store: Session):
        self._store = store

    def holding(self, connector: ChargingConnector, at: datetime) -> Tariff | None:
        """The version by which a session is billed that starts at `at`."""
        return self.assigned(connector, at) or connector.tariff

    def assigned(self, connector: ChargingConnector, at: datetime) -> Tariff | None:
        """The same without the platform's price. It counts only in the station's currency."""
        if not self._assignments:
            return None
        place = connector.station
        for where in (("connector", connector.id), ("station", place.id), ("owner", place.owner_id)):
            assignment = _in_force(self._assignments.get(where, ()), at)
            tariff = version_in_force(self._versions[assignment.code], at) if assignment else None
            if tariff is not None and tariff.currency == place.currency:
                return tariff
        return None

    @cached_property
    def has_documents(self) -> bool:
        """Whether anything may be billed by more than its energy."""
        return self._store.scalar(select(Tariff.id).where(Tariff.document.is_not(None)).limit(1)) is not None

    @cached_property
    def _assignments(self) -> dict[tuple[str, object], list[TariffAssignment]]:
        found: dict[tuple[str, object], list[TariffAssignment]] = defaultdict(list)
        for each in self._store.scalars(select(TariffAssignment)):
            found[_place_of(each)].append(each)
        return found

    @cached_property
    def _versions(self) -> dict[str, list[Tariff]]:
        found: dict[str, list[Tariff]] = defaultdict(list)
        for each in self._store.scalars(select(Tariff).where(Tariff.code.is_not(None))):
            found[each.code or ""].append(each)
        return found


def _place_of(assignment: TariffAssignment) -> tuple[str, object]:
    """What it is assigned to, with the id of that."""
    if assignment.charging_connector_id is not None:
        return "connector", assignment.charging_connector_id
    if assignment.charging_station_id is not None:
        return "station", assignment.charging_station_id
    return "owner", assignment.owner_id


def version_in_force(versions: Iterable[Tariff], at: datetime) -> Tariff | None:
    """The one that began last, unless it has ended."""
    begun = [each for each in versions if each.valid_from <= at]
    newest = max(begun, key=lambda each: (each.valid_from, each.version or 0), default=None)
    return newest if newest and (newest.valid_until is None or at < newest.valid_until) else None


def _in_force(assignments: Iterable[TariffAssignment], at: datetime) -> TariffAssignment | None:
    holding = [
        each
        for each in assignments
        if each.valid_from <= at and (each.valid_until is None or at < each.valid_until)
    ]
    return max(holding, key=lambda each: (each.valid_from, each.id), default=None)
