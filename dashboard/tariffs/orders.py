"""What an admin sees and changes of tariffs. Who may is decided anew for each of it."""

from __future__ import annotations

from dashboard import resources
from dashboard.visitor import Visitor
from db.engine import reading, writing
from db.models import Tariff, utc_now
from ocpp_integration import tariff_book
from ocpp_integration.pricing import TariffDocument
from ocpp_integration.tariff_book import AssignmentRow, Place, TariffRow


def tariffs(who: Visitor) -> list[TariffRow]:
    """Raises `NotForYou` for anybody but an admin, as all of these do."""
    who.demand_admin()
    with reading(resources.engine()) as store:
        return tariff_book.list_tariffs(store, utc_now())


def versions(who: Visitor, code: str) -> list[Tariff]:
    who.demand_admin()
    with reading(resources.engine()) as store:
        return tariff_book.versions(store, code)


def assignments(who: Visitor) -> list[AssignmentRow]:
    """Those that hold or are to come."""
    who.demand_admin()
    with reading(resources.engine()) as store:
        return tariff_book.list_assignments(store, utc_now())


def places(who: Visitor) -> list[Place]:
    who.demand_admin()
    with reading(resources.engine()) as store:
        return tariff_book.list_places(store)


def add(who: Visitor, document: TariffDocument, *, code: str, name: str) -> None:
    """Raises `TariffRefused`."""
    who.demand_admin()
    with writing(resources.engine()) as store:
        tariff_book.add_version(store, who.user, document, code=code, name=name, now=utc_now())


def assign(who: Visitor, code: str, place: Place) -> None:
    """Raises `TariffRefused`."""
    who.demand_admin()
    with writing(resources.engine()) as store:
        tariff_book.assign(store, who.user, code, place, now=utc_now())


def end(who: Visitor, assignment_id: int) -> None:
    """Raises `TariffRefused`."""
    who.demand_admin()
    with writing(resources.engine()) as store:
        tariff_book.end(store, who.user, assignment_id, now=utc_now())
